//! runt
fn main() {}
