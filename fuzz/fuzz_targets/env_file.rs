#![no_main]

use std::{cell::OnceCell, path::PathBuf};

use libfuzzer_sys::fuzz_target;
use pilotlight::effects::env::{Base, read_file};
use tempfile::TempDir;

thread_local! {
    static FILE: OnceCell<(TempDir, PathBuf)> = const { OnceCell::new() };
}

fuzz_target!(|text: &[u8]| {
    FILE.with(|file| {
        let (_folder, file) = file.get_or_init(|| {
            let folder = pilotlight_fuzz::folder();
            let file = folder.path().join(".env");
            (folder, file)
        });
        pilotlight_fuzz::write(file, text);
        let known: Base = [("HOME".into(), "/home/ada".into())].into();
        let read = read_file(file, &known);
        assert!(read.is_none_or(|variables| variables.contains_key("HOME".as_ref() as &std::ffi::OsStr)));
    });
});
