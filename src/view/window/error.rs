//! Why there is no window, or none any more.

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("no window can be opened ({0}); the terminal view goes on alone")]
    Absent(String),
    #[error("the window's display is lost; the terminal view goes on alone")]
    Lost,
}
