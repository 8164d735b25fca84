//! Annotated pictures. In: frames and their readings. Out: PNG files with the hands drawn in, in a folder, named after
//! the files that they come from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::RgbImage;

use crate::hand::Hand;
use crate::view::overlay::Overlay;

pub struct Annotator {
    folder: PathBuf,
    overlay: Overlay,
    /// How many files of each name there were: two folders may hold files of the same name.
    names: HashMap<String, usize>,
    /// The current file's name, without its extension.
    name: String,
}

impl Annotator {
    /// Creates the folder if it is missing.
    pub fn new(folder: &Path) -> Result<Annotator> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}; give --annotate another", folder.display()))?;
        let (folder, overlay) = (folder.to_owned(), Overlay::default());
        Ok(Annotator { folder, overlay, names: HashMap::new(), name: String::new() })
    }

    /// Starts a file: the pictures that follow are its.
    pub fn begin(&mut self, file: &Path) {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let before = self.names.entry(stem.clone()).or_default();
        *before += 1;
        self.name = if *before == 1 { stem } else { format!("{stem}-{before}") };
    }

    /// Saves the picture with the hands drawn into it; `frame` is its number in a video.
    pub fn save(&mut self, picture: &RgbImage, hands: &[Hand], frame: Option<u64>) -> Result<()> {
        let number = frame.map_or(String::new(), |frame| format!("-{frame:06}"));
        let path = self.folder.join(format!("{}{number}.png", self.name));
        let drawn = self.overlay.annotate(hands, picture).to_picture();
        drawn.save(&path).with_context(|| format!("cannot write {}; is the disk full?", path.display()))
    }
}
