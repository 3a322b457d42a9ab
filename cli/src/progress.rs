//! Progress on a terminal, on stderr; elsewhere nothing, so that logs and pipes stay clean.

use crate::output::plain;
use beatcheck_client::SyncProgress;
use beatcheck_hub::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::time::Duration;

/// One line of progress.
pub(crate) struct Bar {
    bar: ProgressBar,
    shape: Mutex<Shape>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Waiting,
    Bytes { known: bool },
    Rows { known: bool },
}

impl Bar {
    /// A bar that draws only if stderr is a terminal.
    pub(crate) fn new(message: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let this = Self { bar, shape: Mutex::new(Shape::Waiting) };
        this.bar.set_style(style(Shape::Waiting));
        this.bar.set_message(message.to_owned());
        if !this.bar.is_hidden() {
            this.bar.enable_steady_tick(Duration::from_millis(120));
        }
        this
    }

    /// A line above the bar, on stderr; also where there is no bar.
    pub(crate) fn say(&self, text: &str) {
        self.aside(|| crate::complain(text));
    }

    /// Does something that writes to the terminal, with the bar out of the way.
    pub(crate) fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        self.bar.suspend(f)
    }

    fn reshape(&self, shape: Shape) {
        let mut now = self.shape.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *now != shape {
            *now = shape;
            self.bar.set_style(style(shape));
        }
    }

    fn set(&self, message: String, done: u64, total: Option<u64>, bytes: bool) {
        if self.bar.is_hidden() {
            return;
        }
        let known = total.is_some_and(|t| t > 0);
        self.reshape(if bytes { Shape::Bytes { known } } else { Shape::Rows { known } });
        self.bar.set_message(message);
        self.bar.set_length(total.unwrap_or(0).max(done));
        self.bar.set_position(done);
    }

    /// Rows done of those in all.
    pub(crate) fn rows(&self, message: &str, done: u64, total: u64) {
        self.set(message.to_owned(), done, Some(total), false);
    }

    /// What the hub is at.
    pub(crate) fn hub(&self, p: Progress) {
        self.set(p.stage.to_owned(), p.done, p.total, p.unit == "bytes");
    }

    /// What a sync is at.
    pub(crate) fn sync(&self, p: SyncProgress) {
        match p {
            SyncProgress::Connecting => self.bar.set_message("connecting"),
            SyncProgress::Fetched { bytes, of, .. } => self.set("fetching".into(), bytes, Some(of), true),
            SyncProgress::Applying { compartment, rows, of } => {
                self.set(format!("applying {}", plain(&compartment)), rows, Some(of), false);
            }
            SyncProgress::Usable { compartment } => self.bar.set_message(format!("{} is usable", plain(&compartment))),
            SyncProgress::MarksUsable { compartment } => {
                self.bar.set_message(format!("{}: its list of marks answers", plain(&compartment)));
            }
            SyncProgress::Waiting { ms } => {
                self.reshape(Shape::Waiting);
                self.bar.set_message(format!("waiting {} s before the next try", ms.div_ceil(1000)));
            }
            SyncProgress::LateHit(late) => self.bar.println(format!("changed since check {}", plain(&late.reference))),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(shape: Shape) -> ProgressStyle {
    let template = match shape {
        Shape::Waiting => "{spinner} {msg}",
        Shape::Bytes { known: true } => "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
        Shape::Bytes { known: false } => "{spinner} {msg} {bytes} {bytes_per_sec}",
        Shape::Rows { known: true } => "{spinner} {msg} [{bar:30}] {human_pos}/{human_len} {per_sec}, {eta} left",
        Shape::Rows { known: false } => "{spinner} {msg} {human_pos} {per_sec}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()).progress_chars("=> ")
}
