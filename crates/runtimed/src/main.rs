//! runtimed
fn main() {}
