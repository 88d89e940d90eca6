//! Writes the JSON Schemas of stack files and of the JSON output of commands into the given folder,
//! for `cargo xtask generate`.

use std::{env, error::Error, fs, path::PathBuf};

use pilotlight::{
    model::documents::{VERSION, json_schemas},
    stack_file::json_schema,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("no folder is given")?);
    let write = |name: &str, schema| fs::write(folder.join(name), format!("{schema:#}\n"));
    write("pilotlight.schema.json", json_schema())?;
    fs::create_dir_all(folder.join(format!("v{VERSION}")))?;
    for (document, schema) in json_schemas() {
        write(&format!("v{VERSION}/{document}.schema.json"), schema)?;
    }
    Ok(())
}
