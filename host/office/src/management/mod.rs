//! The Management API of a real IP Office: what goes over the wire, a client, and a server over any `Office`.
