//! The protocol of the camera's process. In: messages. Out: bytes; and from bytes the messages again.
//!
//! A message is a letter for its kind, its length (4 bytes, little-endian) and its content. A frame's content is its
//! time in nanoseconds (8 bytes), width and height (4 bytes each) and the picture; all others are JSON.

use std::io::{self, Read, Write};
use std::time::Duration;

use image::RgbImage;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::device::{Device, Node, Trouble};
use super::format::Format;
use super::pixels::MOST_SIDE;
use crate::camera::frame::resize;

/// The longest message that is not a frame, in bytes.
const MOST_JSON: usize = 1 << 20;
/// Time, width and height.
const FRAME_HEAD: usize = 16;

/// A message from the camera's process. A frame's picture is passed separately.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// There is no camera yet. Sent at once and every second, with the devices that are another camera's.
    Waiting(Vec<Node>),
    /// The camera is open; frames follow.
    Opened(Opened),
    /// A picture, taken at this time on the system's monotonic clock.
    Frame(Duration),
    /// A picture was damaged and is skipped.
    Damaged(String),
    /// The task has failed, and why.
    Failed(Trouble),
    /// A device, if a list was asked for.
    Listed(Device),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    pub node: Node,
    pub format: Format,
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    #[error("the camera's process ended")]
    Ended,
    #[error("the camera's process said something that makes no sense")]
    Garbage,
    #[error("the pipe from the camera's process broke ({0})")]
    Broken(io::Error),
}

impl From<io::Error> for PipeError {
    fn from(error: io::Error) -> PipeError {
        if error.kind() == io::ErrorKind::UnexpectedEof { PipeError::Ended } else { PipeError::Broken(error) }
    }
}

/// Writes a message; a frame's picture is `picture`.
pub fn write(to: &mut impl Write, message: &Message, picture: &RgbImage) -> io::Result<()> {
    match message {
        Message::Waiting(others) => write_json(to, b'W', others),
        Message::Opened(opened) => write_json(to, b'O', opened),
        Message::Damaged(reason) => write_json(to, b'D', reason),
        Message::Failed(trouble) => write_json(to, b'E', trouble),
        Message::Listed(device) => write_json(to, b'L', device),
        Message::Frame(time) => {
            let (width, height) = picture.dimensions();
            let mut head = [0; FRAME_HEAD];
            head[..8].copy_from_slice(&u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).to_le_bytes());
            head[8..12].copy_from_slice(&width.to_le_bytes());
            head[12..].copy_from_slice(&height.to_le_bytes());
            write_start(to, b'F', FRAME_HEAD + picture.as_raw().len())?;
            to.write_all(&head)?;
            to.write_all(picture.as_raw())?;
            to.flush()
        }
    }
}

fn write_json(to: &mut impl Write, kind: u8, content: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(content)?;
    write_start(to, kind, json.len())?;
    to.write_all(&json)?;
    to.flush()
}

fn write_start(to: &mut impl Write, kind: u8, length: usize) -> io::Result<()> {
    let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    to.write_all(&[kind])?;
    to.write_all(&length.to_le_bytes())
}

/// Reads the next message; a frame's picture goes into `picture`, whose memory is reused.
pub fn read(from: &mut impl Read, picture: &mut RgbImage) -> Result<Message, PipeError> {
    let [kind] = read_bytes(from)?;
    let length = u32::from_le_bytes(read_bytes(from)?) as usize;
    Ok(match kind {
        b'W' => Message::Waiting(read_json(from, length)?),
        b'O' => Message::Opened(read_json(from, length)?),
        b'D' => Message::Damaged(read_json(from, length)?),
        b'E' => Message::Failed(read_json(from, length)?),
        b'L' => Message::Listed(read_json(from, length)?),
        b'F' => {
            let nanoseconds = u64::from_le_bytes(read_bytes(from)?);
            let width = u32::from_le_bytes(read_bytes(from)?);
            let height = u32::from_le_bytes(read_bytes(from)?);
            let sides = 1..=MOST_SIDE;
            let sound = sides.contains(&width) && sides.contains(&height);
            // Can't overflow: both sides are bounded.
            if !sound || length != FRAME_HEAD + 3 * width as usize * height as usize {
                return Err(PipeError::Garbage);
            }
            resize(picture, (width, height));
            from.read_exact(picture.as_flat_samples_mut().samples)?;
            Message::Frame(Duration::from_nanos(nanoseconds))
        }
        _ => return Err(PipeError::Garbage),
    })
}

fn read_bytes<const N: usize>(from: &mut impl Read) -> Result<[u8; N], PipeError> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_json<T: DeserializeOwned>(from: &mut impl Read, length: usize) -> Result<T, PipeError> {
    if length > MOST_JSON {
        return Err(PipeError::Garbage);
    }
    let mut json = vec![0; length];
    from.read_exact(&mut json)?;
    serde_json::from_slice(&json).map_err(|_| PipeError::Garbage)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::super::device::{Reason, State};
    use super::super::format::Encoding;
    use super::*;

    const FORMAT: Format = Format { width: 640, height: 480, fps: 30, encoding: Encoding::Mjpeg };

    fn messages() -> Vec<Message> {
        let node = Node { index: 3, name: "Lab \"Webcam\"\n".into(), port: Some("usb1/1-2".into()) };
        vec![
            Message::Waiting(vec![node.clone()]),
            Message::Opened(Opened { node, format: FORMAT }),
            Message::Frame(Duration::from_nanos(1_234_567_890_123)),
            Message::Damaged("it is cut off".into()),
            Message::Failed(Trouble { reason: Reason::Busy, said: "os error 16".into() }),
            Message::Listed(Device { index: 0, name: "Lab".into(), state: State::Camera(vec![FORMAT]) }),
        ]
    }

    fn picture() -> RgbImage {
        RgbImage::from_fn(33, 7, |x, y| Rgb([x as u8, y as u8, 200]))
    }

    fn bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages() {
            write(&mut bytes, &message, &picture()).unwrap();
        }
        bytes
    }

    /// Reads and writes a few bytes at a time, as a pipe may.
    struct Trickle<T>(T, usize);

    impl Trickle<&[u8]> {
        fn step(&mut self) -> usize {
            self.1 = self.1 % 7 + 1;
            self.1
        }
    }

    impl Read for Trickle<&[u8]> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = self.step().min(into.len());
            if most == 3 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read(&mut into[..most])
        }
    }

    impl Write for Trickle<Vec<u8>> {
        fn write(&mut self, from: &[u8]) -> io::Result<usize> {
            self.1 = self.1 % 7 + 1;
            let most = self.1.min(from.len());
            self.0.extend_from_slice(&from[..most]);
            Ok(most)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let (bytes, mut out) = (bytes(), RgbImage::new(0, 0));
        let mut rest = &bytes[..];
        for message in messages() {
            assert_eq!(read(&mut rest, &mut out).unwrap(), message);
        }
        assert_eq!(out, picture());
        assert!(matches!(read(&mut rest, &mut out), Err(PipeError::Ended)));
    }

    #[test]
    fn it_may_come_and_go_in_pieces() {
        let mut written = Trickle(Vec::new(), 0);
        for message in messages() {
            write(&mut written, &message, &picture()).unwrap();
        }
        assert_eq!(written.0, bytes());
        let (mut from, mut out) = (Trickle(&written.0[..], 0), RgbImage::new(0, 0));
        for message in messages() {
            assert_eq!(read(&mut from, &mut out).unwrap(), message);
        }
        assert_eq!(out, picture());
    }

    #[test]
    fn an_end_in_the_middle_is_an_end() {
        let bytes = bytes();
        for end in 0..bytes.len() {
            let (mut rest, mut out) = (&bytes[..end], RgbImage::new(0, 0));
            let error = loop {
                if let Err(error) = read(&mut rest, &mut out) {
                    break error;
                }
            };
            assert!(matches!(error, PipeError::Ended), "ended at {end}: {error}");
        }
    }

    #[test]
    fn garbage_is_told() {
        let garbage: [&[u8]; 7] = [
            b"thread 'main' panicked at src/lib.rs",
            b"O\x02\x00\x00\x00[]",
            b"E\xff\xff\xff\xff{}",
            b"L\x01\x00\x00\x00{",
            // Frames with no width, with a length that contradicts their size, and far too large.
            b"F\x10\x00\x00\x00\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0",
            b"F\x14\x00\x00\x00\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0abcd",
            b"F\x00\x00\x00\x00\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
        ];
        for bytes in garbage {
            let error = read(&mut &bytes[..], &mut RgbImage::new(0, 0)).unwrap_err();
            assert!(matches!(error, PipeError::Garbage), "{bytes:?}: {error}");
        }
    }
}
