//! What `register!` exports: the contract's interface on top of the [`Connector`] trait.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::bindings::exports::rollcall::connector::directory as wit;
use crate::{AttributeInfo, Connection, Connector, Error, Fault, Listing, Page};

/// The exported side of a connector.
pub struct Exported<C>(PhantomData<C>);

/// The exported side of its listing. The contract's calls take a shared reference and come one at a time.
pub struct ExportedListing<C: Connector>(RefCell<C::Listing>);

/// Reads the settings and asks the connector for mistakes between them.
///
/// # Errors
/// [`Error::InvalidSettings`] with every mistake.
pub fn settings<C: Connector>(json: &str) -> Result<C::Settings, Error> {
    let settings = parse::<C>(json).map_err(Error::setting)?;
    let faults = C::validate(&settings);
    if faults.is_empty() { Ok(settings) } else { Err(Error::InvalidSettings(faults)) }
}

fn parse<C: Connector>(json: &str) -> Result<C::Settings, Fault> {
    // The host has checked against the manifest, so that this is a manifest that does not fit its own code.
    serde_json::from_str(json).map_err(|error| Fault::new("", format!("cannot be read: {error}")))
}

impl<C: Connector> wit::Guest for Exported<C> {
    type Listing = ExportedListing<C>;

    fn validate(settings: String) -> Vec<Fault> {
        match parse::<C>(&settings) {
            Ok(settings) => C::validate(&settings),
            Err(fault) => vec![fault],
        }
    }

    fn identity(settings: String) -> Result<String, Error> {
        C::identity(&self::settings::<C>(&settings)?)
    }

    fn check(settings: String) -> Result<Connection, Error> {
        C::check(&self::settings::<C>(&settings)?)
    }

    fn attributes(settings: String) -> Result<Vec<AttributeInfo>, Error> {
        C::attributes(&self::settings::<C>(&settings)?)
    }
}

impl<C: Connector> wit::GuestListing for ExportedListing<C> {
    fn open(settings: String, since: Option<Vec<u8>>) -> Result<wit::Listing, Error> {
        let listing = C::open(self::settings::<C>(&settings)?, since)?;
        Ok(wit::Listing::new(Self(RefCell::new(listing))))
    }

    fn next(&self, max: u32) -> Result<Page, Error> {
        match self.0.try_borrow_mut() {
            Ok(mut listing) => listing.next(max.max(1)),
            Err(_) => Err(Error::permanent("the listing is being read already")),
        }
    }
}

/// Exports a connector and seals its manifest.
///
/// `register!(MyConnector, manifest = "../connector.toml")`, the path relative to the file that has this line. On a
/// native target it does nothing but check that the type is a [`Connector`].
#[macro_export]
macro_rules! register {
    ($connector:ty, manifest = $manifest:literal) => {
        #[cfg(target_arch = "wasm32")]
        type RollcallExported = $crate::export::Exported<$connector>;
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export!(RollcallExported with_types_in $crate::bindings);

        // Read by the host before anything runs. `used` keeps it although no code refers to it.
        #[cfg(target_arch = "wasm32")]
        #[used]
        #[unsafe(link_section = "rollcall:manifest")]
        static ROLLCALL_MANIFEST: [u8; include_bytes!($manifest).len()] =
            *include_bytes!($manifest);

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_connector<C: $crate::Connector>() {}
            is_connector::<$connector>();
            let _ = include_bytes!($manifest);
        };
    };
}
