//! What a case is: a stack, what is done to it, and what doctor has to say. Read from `cases/*.toml`.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

/// One file of `cases`: a family of faults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    case: Vec<Case>,
}

/// One stack, one fault (some have two), and the findings that are right.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Case {
    /// A sentence without spaces.
    pub(crate) name: String,
    /// Whether it is among those that every test run tries.
    #[serde(default)]
    pub(crate) quick: bool,
    /// The stack file; or, in one word, one of `stacks`.
    pub(crate) stack: String,
    /// Further files of the project.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Variables of the caller of the command.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Done before the stack is brought up.
    #[serde(default)]
    pub(crate) before: Vec<Step>,
    /// How bringing it up must end.
    #[serde(default)]
    pub(crate) up: Up,
    /// Done to the stack: the fault.
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// Done when it is over, however it came out.
    #[serde(default)]
    pub(crate) after: Vec<Step>,
    /// Whether the fault is itself a hang, for which doctor has longer.
    #[serde(default)]
    pub(crate) hangs: bool,
    /// Who brings it about.
    #[serde(default, rename = "as")]
    pub(crate) user: User,
    /// The findings that are right, and no other. None for a stack that is well. The first is named first.
    #[serde(default)]
    pub(crate) expect: Vec<Expected>,
    /// What must not stand anywhere in the report.
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
}

/// How `up -d` ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Up {
    /// All are ready.
    #[default]
    Ready,
    /// One failed.
    Fails,
    /// It is not waited for: the steps are done meanwhile.
    Waits,
    /// It is not called: doctor looks at a stack that was never started.
    Never,
}

/// Who calls the command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum User {
    /// The user who runs the cases.
    #[default]
    Caller,
    /// Only the administrator can; for other users the case does not run.
    Root,
    /// A user without rights, which the caller is already where it is not the administrator.
    Nobody,
}

/// Something that is done to a stack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Kill the first process of a service, and wait until its daemon has seen it.
    Kill(String),
    /// Stop a service's first process where it is (SIGSTOP).
    Freeze(String),
    /// Run a program to its end, which must be a good one.
    Run(Vec<String>),
    /// Start a program that is no service, and wait until it says that it listens.
    Stranger(Vec<String>),
    /// Bring up only these, which must succeed.
    Up(Vec<String>),
    /// Bring up only these, which must fail.
    TryUp(Vec<String>),
    /// Stop these, and what needs them.
    Down(Vec<String>),
    /// Bring the stack up from another home: another daemon has it then.
    UpElsewhere(Vec<String>),
    /// Send `GET` to an address, whatever comes of it.
    Ask(String),
    /// Write a file of the project.
    Write(BTreeMap<String, String>),
    /// Remove a file or a folder of the project.
    Remove(String),
    /// Wait until services are in these phases.
    Until(BTreeMap<String, String>),
    /// Wait until a service has been started again by itself, and is ready.
    Back(String),
    /// Wait until the logs of services have these texts.
    Logs(BTreeMap<String, String>),
}

/// A finding that is right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) code: String,
    pub(crate) service: String,
    /// All that it explains, as `service code` or `service code: name of the check`.
    #[serde(default)]
    pub(crate) symptoms: Vec<String>,
    /// What a person is told somewhere in the finding.
    #[serde(default)]
    pub(crate) says: Vec<String>,
    /// The kind of the action that the remedy offers.
    #[serde(default)]
    pub(crate) action: Option<String>,
}

/// Every case, in the order of the files.
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
