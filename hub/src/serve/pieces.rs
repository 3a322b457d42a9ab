//! Bodies in small pieces: what had come when a link drops is kept by the piece.
//!
//! A receiver sees of a TLS record and of an HTTP/2 frame either all or nothing, and both are 16 KiB where nobody says
//! otherwise: a link that drops would lose up to two of them. In pieces of 4 KiB it loses a quarter, for 31 bytes a piece.

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes of a piece, and of a TLS record.
pub(super) const PIECE: usize = 4096;

/// Bytes that are handed out in pieces.
pub(super) struct Pieces(pub(super) Bytes);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let n = self.0.len().min(PIECE);
        Poll::Ready((n > 0).then(|| Ok(Frame::data(self.0.split_to(n)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
