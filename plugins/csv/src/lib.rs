//! rollcall-connector-csv
