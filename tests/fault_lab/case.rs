//! A case: a stack, its fault, and the expected findings. Read from `cases/*.toml`.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

/// One file of `cases`: a family of faults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    case: Vec<Case>,
}

/// One stack, one fault (some have two), and the expected findings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Case {
    /// A short sentence with hyphens instead of spaces.
    pub(crate) name: String,
    /// Whether it is part of every test run.
    #[serde(default)]
    pub(crate) quick: bool,
    /// The stack file, or the name of one in `stacks`.
    pub(crate) stack: String,
    /// Further files of the project.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Variables of the caller of the command.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Steps before the stack is started.
    #[serde(default)]
    pub(crate) before: Vec<Step>,
    /// The expected result of the start.
    #[serde(default)]
    pub(crate) up: Up,
    /// The fault: steps after the start.
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// Steps at the end, whatever the result.
    #[serde(default)]
    pub(crate) after: Vec<Step>,
    /// Whether the fault is a hang, for which doctor has more time.
    #[serde(default)]
    pub(crate) hangs: bool,
    /// The user who runs the command.
    #[serde(default, rename = "as")]
    pub(crate) user: User,
    /// The expected findings, and no others; none for a healthy stack. The first one must come first.
    #[serde(default)]
    pub(crate) expect: Vec<Expected>,
    /// Texts that must not appear in the report.
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
}

/// The result of `up -d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Up {
    /// All services are ready.
    #[default]
    Ready,
    /// A service failed.
    Fails,
    /// The command is not awaited: the steps follow at once.
    Waits,
    /// The command is not run: doctor diagnoses a stack that was never started.
    Never,
}

/// The user who runs the command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum User {
    /// The user who runs the cases.
    #[default]
    Caller,
    /// The administrator. For other users the case does not run.
    Root,
    /// A user without privileges; the caller, unless that is the administrator.
    Nobody,
}

/// A step of a case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Kill the first process of a service, and wait until the daemon has noticed it.
    Kill(String),
    /// Stop a service's first process (SIGSTOP).
    Freeze(String),
    /// Run a program, which must succeed.
    Run(Vec<String>),
    /// Start a program that is not a service, and wait until it reports that it listens.
    Stranger(Vec<String>),
    /// Start only these services, which must succeed.
    Up(Vec<String>),
    /// Start only these services, which must fail.
    TryUp(Vec<String>),
    /// Stop these services and their dependents.
    Down(Vec<String>),
    /// Start the stack from another home, with another daemon.
    UpElsewhere(Vec<String>),
    /// Send `GET` to an address and ignore the result.
    Ask(String),
    /// Write a file of the project.
    Write(BTreeMap<String, String>),
    /// Remove a file or a folder of the project.
    Remove(String),
    /// Wait until services are in these phases.
    Until(BTreeMap<String, String>),
    /// Wait until a service has restarted by itself and is ready.
    Back(String),
    /// Wait until the logs of services contain these texts.
    Logs(BTreeMap<String, String>),
}

/// An expected finding.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) code: String,
    pub(crate) service: String,
    /// All its symptoms, as `service code` or `service code: name of the check`.
    #[serde(default)]
    pub(crate) symptoms: Vec<String>,
    /// Texts that the finding must contain.
    #[serde(default)]
    pub(crate) says: Vec<String>,
    /// The kind of the action that the remedy offers.
    #[serde(default)]
    pub(crate) action: Option<String>,
}

/// Returns all cases, in the order of the files.
pub(crate) fn all(lab: &Path) -> Vec<Case> {
    let mut files: Vec<_> = fs::read_dir(lab.join("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let families = files.iter().map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let family: Family =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        family.case
    });
    let mut cases: Vec<Case> = families.flatten().collect();
    for case in &mut cases {
        if !case.stack.contains('\n') {
            let file = lab.join(format!("stacks/{}.toml", case.stack));
            case.stack = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
    cases
}
