#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pilotlight::{effects::env::understand, env::Env};

fuzz_target!(|text: &[u8]| {
    let known = Env::from([("HOME", "/home/ada")]);
    let read = understand(text, Path::new(".env"), &known);
    assert!(read.is_none_or(|variables| variables.get("HOME").is_some()));
});
