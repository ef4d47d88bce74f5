//! How the functions are linked: at a fixed address. The table of addresses that a
//! relocatable program is loaded with is a fifth of a megabyte, and working it off is
//! part of every cold start. Heap, stack and libraries lie at random places all the same.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
