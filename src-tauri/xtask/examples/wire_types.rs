//! Prints the types between the app and its window as TypeScript, and the words for states, for
//! `cargo xtask generate`.

use std::collections::BTreeMap;

use pilotlight::{
    app::{settings, window},
    control::Outcome,
    example::Break,
    model::{
        container,
        facts::{self, SIGNALS},
        finding, history,
        view::{self, Light, PhaseName, WAITING_FOR},
    },
    stack,
};
use serde_json::{Value, json};
use ts_rs::{Config, TS};

fn main() {
    let config = Config::new();
    let declared = |declaration: String| println!("\nexport {declaration}");
    println!(
        "// Generated from the types of the core by `cargo xtask generate`. Change those instead."
    );
    macro_rules! declare {
        ($($name:ty),* $(,)?) => { $(declared(<$name as TS>::decl(&config));)* };
    }
    declare!(
        stack::ServiceName,
        stack::Port,
        stack::Mode,
        facts::RunId,
        facts::Exit,
        Light,
        PhaseName,
        view::Snapshot,
        view::StackView,
        view::ServiceView,
        container::ContainerInfo,
        container::Published,
        view::ProfileView,
        view::StartedBy,
        finding::Finding,
        finding::Symptom,
        finding::Remedy,
        finding::LineChange,
        finding::Action,
        Outcome,
        window::Platform,
        window::UsageSample,
        window::ServiceUsage,
        window::KnownStack,
        window::FileChange,
        settings::OnQuit,
        settings::Theme,
        settings::Settings,
        window::Update,
        window::LogLevel,
        window::LogLine,
        window::LogUpdate,
        window::ServiceDetails,
        window::CheckDetails,
        window::CheckResult,
        window::ProcessDetails,
        window::RunDetails,
        history::EventKind,
        history::HistoryEvent,
        window::Variable,
        window::Preview,
        window::Draft,
        window::Found,
        window::QuitChoice,
        Break,
    );
    let words = PhaseName::ALL.map(|phase| {
        let words = Light::ALL.map(|light| (name(&json!(light)), phase.words(light)));
        (name(&json!(phase)), BTreeMap::from(words))
    });
    print_table(
        "The words for the state of a service.",
        "STATE_WORDS: Record<PhaseName, Record<Light, string>>",
        &json!(BTreeMap::from(words)),
    );
    print_table(
        "The words before the services that a service waits for.",
        "WAITING_FOR",
        &json!(WAITING_FOR),
    );
    print_table(
        "The names of signals, by number.",
        "SIGNALS: Record<number, string>",
        &json!(BTreeMap::from(SIGNALS)),
    );
}

/// The name of a variant on the wire.
fn name(variant: &Value) -> String {
    variant.as_str().unwrap_or_default().to_owned()
}

fn print_table(doc: &str, declaration: &str, table: &Value) {
    println!("\n/** {doc} */\nexport const {declaration} = {table:#};");
}
