#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pilotlight::stack_file::{Environment, parse};

fuzz_target!(|text: &[u8]| {
    let variables: Environment = [("A".into(), "b".into()), ("EMPTY".into(), "".into())].into();
    if let Err(report) = parse(Path::new("/project/pilotlight.toml"), text, &variables) {
        // Places are found in the text again, whatever it is.
        assert!(!format!("{report}{report:?}").is_empty());
    }
});
