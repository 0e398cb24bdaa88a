//! What a connector is given: one capability a file. Our interfaces are linked only where the manifest asks for them
//! and the job allows it; what every language's runtime imports of WASI is linked inert.

pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod ldap;
pub(crate) mod log;
pub(crate) mod run;
pub(crate) mod wasi;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::store::Guest;
use crate::v0_1;

/// Which of our interfaces a component imports, and is granted therefore.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Imports {
    pub(crate) http: bool,
    pub(crate) ldap: bool,
    pub(crate) files: bool,
}

/// Makes a linker with what a connector may import.
pub(crate) fn linker(engine: &Engine, imports: Imports) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasi::link(&mut linker)?;
    v0_1::types::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    v0_1::log::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    v0_1::run::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    if imports.http {
        v0_1::http::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    }
    if imports.ldap {
        v0_1::ldap::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    }
    if imports.files {
        v0_1::files::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    }
    Ok(linker)
}

impl v0_1::types::Host for Guest {}
