#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pilotlight::{env::Env, stack_file::parse};

fuzz_target!(|text: &[u8]| {
    let variables: Env = [("A", "b"), ("EMPTY", "")].into();
    if let Err(report) = parse(Path::new("/project/pilotlight.toml"), text, &variables) {
        // Places are found in the text again, whatever it is.
        assert!(!format!("{report}{report:?}").is_empty());
    }
});
