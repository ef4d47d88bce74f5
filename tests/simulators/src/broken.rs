//! Answers that break off: the network as it sometimes is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::Frame;

/// A body that fails instead of ending.
struct Breaking {
    first: Option<Bytes>,
    /// Turns to wait before failing, so that what was written is flushed.
    turns: u32,
}

impl HttpBody for Breaking {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.turns > 0 {
            self.turns -= 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))))
    }
}

/// An answer of which the client sees not a byte: a body that fails before the
/// head was flushed makes the server drop the connection.
pub(crate) fn cut() -> Response {
    Response::new(Body::new(Breaking {
        first: None,
        turns: 0,
    }))
}

/// The same answer, but the connection ends in the middle of the body.
pub(crate) async fn halve(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let promised = whole.len().max(2);
    let half = whole.slice(..whole.len() / 2);
    head.headers.insert(
        axum::http::header::CONTENT_LENGTH,
        axum::http::HeaderValue::from(promised),
    );
    // A status without a body could not break off in the middle of it.
    if head.status == axum::http::StatusCode::NO_CONTENT {
        head.status = axum::http::StatusCode::OK;
    }
    Response::from_parts(
        head,
        Body::new(Breaking {
            first: Some(half).filter(|half| !half.is_empty()),
            turns: 8,
        }),
    )
}
