#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pilotlight::{env::Env, stack_file::parse};

fuzz_target!(|text: &[u8]| {
    let variables: Env = [("A", "b"), ("EMPTY", "")].into();
    if let Err(report) = parse(Path::new("/project/pilotlight.toml"), text, &variables) {
        // Every place must be inside the text.
        assert!(!format!("{report}{report:?}").is_empty());
    }
});
