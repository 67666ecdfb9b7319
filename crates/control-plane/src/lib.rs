//! The rules of accounts, access, pairing, workstations and attach jobs; no HTTP, no SQL.
