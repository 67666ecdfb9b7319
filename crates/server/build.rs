//! Rebuilds the crate when the page was built anew: its files are embedded.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
}
