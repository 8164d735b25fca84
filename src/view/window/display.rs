//! Surviving the loss of the display. In: a window. Out: whether its display is still there.
//!
//! By default Xlib ends the process when its display dies or reports an error. A display is lost when
//! its server ends, when somebody kills this client, or when somebody else destroys the window.

pub use platform::Display;

#[cfg(all(unix, not(target_os = "macos")))]
mod platform {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::{AtomicBool, Ordering};

    use libloading::Library;
    use raw_window_handle::{HasDisplayHandle, RawDisplayHandle};

    use crate::view::window::error::WindowError;

    /// Xlib has one error handler per process, so there is one flag.
    static LOST: AtomicBool = AtomicBool::new(false);

    type Xlib = *mut c_void;
    type OnError = extern "C" fn(Xlib, *mut c_void) -> c_int;
    type OnIoError = extern "C" fn(Xlib) -> c_int;
    type OnExit = extern "C" fn(Xlib, *mut c_void);

    /// Xlib, with its error handlers replaced.
    pub struct Display(Library);

    impl Display {
        /// Replaces Xlib's error handlers, before a window opens.
        pub fn prepare() -> Result<Display, WindowError> {
            // SAFETY: loading Xlib runs no code but its own initialisers; minifb loads the same library.
            let xlib =
                unsafe { Library::new("libX11.so.6") }.map_err(|error| WindowError::Absent(error.to_string()))?;
            LOST.store(false, Ordering::Relaxed);
            // SAFETY: the types are those of Xlib.h, where a display is opaque to us and an error event too.
            unsafe {
                let set = xlib.get::<unsafe extern "C" fn(OnError) -> *mut c_void>(b"XSetErrorHandler\0");
                set.map_err(lacks)?(on_error);
                let set = xlib.get::<unsafe extern "C" fn(OnIoError) -> *mut c_void>(b"XSetIOErrorHandler\0");
                set.map_err(lacks)?(on_io_error);
            }
            Ok(Display(xlib))
        }

        /// Keeps the loss of this window's display from ending the process.
        pub fn guard(&mut self, window: &minifb::Window) -> Result<(), WindowError> {
            let handle = window.display_handle().map(|handle| handle.as_raw());
            let Ok(RawDisplayHandle::Xlib(handle)) = handle else { return Ok(()) };
            let Some(display) = handle.display else { return Ok(()) };
            // SAFETY: as above; the display is this window's and open.
            unsafe {
                let name = b"XSetIOErrorExitHandler\0";
                let set = self.0.get::<unsafe extern "C" fn(Xlib, OnExit, *mut c_void)>(name).map_err(lacks)?;
                set(display.as_ptr(), on_exit, std::ptr::null_mut());
            }
            Ok(())
        }

        pub fn is_lost(&self) -> bool {
            LOST.load(Ordering::Relaxed)
        }
    }

    /// Before libX11 1.7 (2020), nothing keeps a dying display from ending the process.
    fn lacks(_: libloading::Error) -> WindowError {
        WindowError::Absent("libX11 1.7 or newer is needed".into())
    }

    extern "C" fn on_error(_: Xlib, _: *mut c_void) -> c_int {
        LOST.store(true, Ordering::Relaxed);
        0
    }

    extern "C" fn on_io_error(_: Xlib) -> c_int {
        LOST.store(true, Ordering::Relaxed);
        0
    }

    /// Xlib exits here by default. When this returns, the call under way returns too, and later ones do nothing.
    extern "C" fn on_exit(_: Xlib, _: *mut c_void) {}
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
mod platform {
    use crate::view::window::error::WindowError;

    /// Other systems' displays do not go away.
    pub struct Display;

    impl Display {
        pub fn prepare() -> Result<Display, WindowError> {
            Ok(Display)
        }

        pub fn guard(&mut self, _: &minifb::Window) -> Result<(), WindowError> {
            Ok(())
        }

        pub fn is_lost(&self) -> bool {
            false
        }
    }
}
