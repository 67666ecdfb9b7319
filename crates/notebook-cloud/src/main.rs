//! notebook-cloud
fn main() {}
