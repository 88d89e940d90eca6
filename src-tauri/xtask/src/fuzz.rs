//! `cargo xtask fuzz`

use std::{fs, process::Command};

use crate::{
    error::{Error, at},
    step, workspace,
};

const CARGO_FUZZ: &str = "0.13.2";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run each target for this time
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Run only these targets, named as the files in `fuzz/fuzz_targets`
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// Runs the targets one after the other, starting from the inputs in `fuzz/corpus`. New inputs stay in the target
/// folder. An input that makes a target fail is written to `fuzz/artifacts`.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let program = step::tool("cargo-fuzz", CARGO_FUZZ)?;
    let folder = workspace::root().join("fuzz");
    let targets = match options.targets.as_slice() {
        [] => all_targets()?,
        some => some.to_owned(),
    };
    let own = workspace::own()?.join("fuzz");
    for target in targets {
        let found = own.join("corpus").join(&target);
        fs::create_dir_all(&found).map_err(at(&found))?;
        step::note(&format!("{target}: {} minutes", options.minutes));
        let mut fuzz = Command::new(&program);
        // The parsers have no `unsafe` code, so no sanitizer is needed.
        fuzz.args(["fuzz", "run", "--sanitizer", "none", "--fuzz-dir", "."])
            .arg("--target-dir")
            .arg(own.join("build"))
            .arg(&target)
            // New inputs go into the first folder.
            .arg(&found)
            .arg(format!("corpus/{target}"))
            .args(["--", "-timeout=10", "-rss_limit_mb=2048", "-max_len=16384"])
            .arg(format!("-max_total_time={:.0}", options.minutes * 60.0))
            .current_dir(&folder);
        step::show(&mut fuzz)?;
    }
    Ok(())
}

fn all_targets() -> Result<Vec<String>, Error> {
    let folder = workspace::root().join("fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).map_err(at(&folder))? {
        let path = entry.map_err(at(&folder))?.path();
        let name = path.file_stem().unwrap_or_default();
        targets.push(name.to_string_lossy().into_owned());
    }
    targets.sort();
    Ok(targets)
}
