//! Prints the types that go between the app and its window as TypeScript, as `cargo xtask generate` writes
//! them.

use pilotlight::{
    app::{settings, window},
    control::Outcome,
    model::{facts, finding, view},
    stack,
};
use ts_rs::{Config, TS};

fn main() {
    let config = Config::new();
    let declared = |declaration: String| println!("\nexport {declaration}");
    println!("// Made from the types of the core by `cargo xtask generate`. Changes belong there.");
    macro_rules! declare {
        ($($name:ty),* $(,)?) => { $(declared(<$name as TS>::decl(&config));)* };
    }
    declare!(
        stack::ServiceName,
        stack::Port,
        stack::Mode,
        facts::RunId,
        facts::Exit,
        view::Light,
        view::PhaseName,
        view::Snapshot,
        view::StackView,
        view::ServiceView,
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
        window::Preview,
        window::Draft,
        window::Found,
        window::QuitChoice,
    );
}
