//! Compiles `knowledge/*.toml` and `tables/*.toml` into Rust, so that a running program parses nothing.
//! The examples in these files are tests only.

mod knowledge;
mod tables;

use std::{env, error::Error, fs, path::PathBuf};

type Made<T> = Result<T, Box<dyn Error>>;

/// Turns the text of a table into Rust code.
type Compile = fn(&str) -> Made<String>;

fn main() -> Made<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let known = root.join("../../knowledge");
    println!("cargo::rerun-if-changed={}", known.display());
    fs::write(out.join("knowledge.rs"), knowledge::compile(&known)?)?;
    let compile: [(&str, Compile); 4] = [
        ("programs", tables::programs),
        ("packages", tables::packages),
        ("ports", tables::ports),
        ("secrets", tables::secrets),
    ];
    for (name, compile) in compile {
        let file = root.join(format!("tables/{name}.toml"));
        println!("cargo::rerun-if-changed={}", file.display());
        let code = compile(&fs::read_to_string(&file)?)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        fs::write(out.join(format!("{name}.rs")), code)?;
    }
    Ok(())
}
