//! The wasmtime engine: which parts of WebAssembly a connector may use, and the clock that interrupts it.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, WasmBacktraceDetails};

use crate::limits::{FIBER_STACK_BYTES, TICK, WASM_STACK_BYTES};

/// Makes an engine without a clock, which is enough for compiling.
pub(crate) fn make() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The asynchronous component model is younger than the rest, and nothing here needs it.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        // A resource limiter is not asked about shared memories.
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(20))
        .generate_address_map(true);
    Engine::new(&config)
}

/// Makes the engine and starts its ticker, an OS thread that ends when the engine is gone.
///
/// The ticker is no task of a runtime: busy guests would starve it there.
pub(crate) fn start() -> wasmtime::Result<Engine> {
    let engine = make()?;
    let weak = engine.weak();
    std::thread::Builder::new().name("connector-ticker".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}
