//! What wit-bindgen makes of the contract: one world with every capability.
//!
//! A connector imports only what it calls: `wasm-component-ld` drops the imports that no code reaches, so one world for
//! all connectors costs nobody a grant (checked by `host/bundled`'s test on the built components).
#![allow(unsafe_code, reason = "generated code calls the canonical ABI")]
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wit_bindgen::generate!({
    path: "../wit/v0.1",
    inline: "
        package rollcall:sdk@0.1.0;
        world everything {
            include rollcall:connector/http-connector@0.1.0;
            include rollcall:connector/ldap-connector@0.1.0;
            include rollcall:connector/file-connector@0.1.0;
        }
    ",
    world: "rollcall:sdk/everything",
    generate_all,
    additional_derives: [PartialEq],
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "rollcall_connector::bindings",
});
