//! The inert base: the WASI interfaces that the runtimes of Rust, Python and JavaScript import. There is no
//! environment, no argument, no folder and no socket behind them; what is written to standard error is kept for the
//! message about a crash.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::limits::{MESSAGE_BYTES, RANDOM_BYTES};
use crate::store::Guest;

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Links the inert base.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// Makes the context behind it. Sockets and name look-ups are off unless they are switched on, which nobody does.
pub(crate) fn context(stderr: &LastWords) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    builder.max_random_size(RANDOM_BYTES).stderr(stderr.clone());
    builder.build()
}

/// The beginning of what a guest wrote to standard error; what is more is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWords(Arc<Mutex<Vec<u8>>>);

impl LastWords {
    /// Gives the text, on one line.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        // What Rust's panic message ends with means nothing to whoever runs a connector.
        let said = text.split("note: run with `RUST_BACKTRACE").next().unwrap_or_default();
        crate::words::tame(said.split_whitespace().collect::<Vec<_>>().join(" ").as_str(), MESSAGE_BYTES)
    }
}

impl IsTerminal for LastWords {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LastWords {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LastWords {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MESSAGE_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
