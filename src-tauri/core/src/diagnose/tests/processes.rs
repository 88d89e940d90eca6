//! Services that do not run.

use super::*;
use crate::{
    diagnose::evidence::{OtherDaemon, VersionEvidence, log::Ecosystem},
    model::facts::LaunchFault,
};

const JOB: &str = r#"
[service.migrate]
command = "alembic upgrade head"

[service.backend]
command = "uvicorn main:app"
port = 8001
needs = { migrate = "completed" }
ready = "http: /"
"#;

fn hindered(is: &mut ServiceEvidence, fault: LaunchFault) {
    gone(is, PhaseName::Failed);
    is.checks.clear();
    is.requirement = Some(fault);
}

fn waiting(is: &mut ServiceEvidence) {
    gone(is, PhaseName::Stopped);
    is.checks.clear();
}

#[test]
fn a_missing_requirement_is_named_and_dependents_wait() {
    for (fault, code, words) in [
        (
            LaunchFault::CommandNotFound {
                program: "redis-servr".into(),
                near: vec!["redis-server".into()],
            },
            "command-not-found",
            ["redis-servr", "did you mean `redis-server`"],
        ),
        (
            LaunchFault::NotExecutable {
                path: "/project/run.sh".into(),
            },
            "not-executable",
            ["/project/run.sh", "chmod +x"],
        ),
        (
            LaunchFault::DirectoryMissing {
                path: "/project/web".into(),
            },
            "directory-missing",
            ["/project/web", "directory"],
        ),
        (
            LaunchFault::EnvFileMissing {
                path: "/project/.env".into(),
            },
            "env-file-missing",
            ["/project/.env", "create the file"],
        ),
        (
            LaunchFault::RequirementMissing {
                what: "the variable `OPENAI_API_KEY`".into(),
                detail: Some("it is not set".into()),
            },
            "requirement-missing",
            ["OPENAI_API_KEY", "env_file"],
        ),
    ] {
        let case = well(NEXUS)
            .with("redis", |is| hindered(is, fault))
            .with("backend", waiting)
            .with("frontend", waiting);
        let finding = case.finding();
        assert_eq!(
            short(&finding),
            format!("{code} redis < backend not-running < frontend not-running")
        );
        assert_says(&finding, &words);
    }
}

#[test]
fn a_missing_env_file_is_copied_from_its_example() {
    let case = well(NEXUS).with("frontend", |is| {
        hindered(
            is,
            LaunchFault::EnvFileMissing {
                path: "/project/.env".into(),
            },
        );
        is.project.env_examples = vec![("/project/.env".into(), "/project/.env.example".into())];
    });
    let finding = case.finding();
    assert_eq!(
        finding.remedy.action,
        Some(Action::CopyFile {
            from: "/project/.env.example".into(),
            to: "/project/.env".into()
        })
    );
}

#[test]
fn obstacles_to_a_start_are_reported_before_it() {
    let case = never_started(NEXUS).with("backend", |is| {
        is.requirement = Some(LaunchFault::DirectoryMissing {
            path: "/project/backend".into(),
        });
    });
    assert_eq!(case.says(), ["directory-missing backend"]);
}

#[test]
fn the_exit_of_a_service_contains_the_last_error_of_its_log() {
    let case = well(NEXUS).with("frontend", |is| {
        end(
            is,
            Exit::Code(3),
            Code::Exited,
            "frontend is not running: it ended with code 3",
        );
        log_error(is, LogErrorKind::Other, "TypeError: x is not a function");
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "exited frontend");
    assert_eq!(
        finding.title,
        "frontend is not running: it ended with code 3: TypeError: x is not a function"
    );
    assert_eq!(finding.since, case.since("frontend"), "the time is stored");
}

#[test]
fn a_crash_loop_names_its_recurring_error() {
    let case = well(NEXUS).with("redis", |is| {
        end(
            is,
            Exit::Code(1),
            Code::CrashLoop,
            "redis keeps ending: 5 times within a minute, the last time with code 1",
        );
        log_error(is, LogErrorKind::Other, "Fatal: bad directive");
    });
    assert_eq!(case.says(), ["crash-loop redis"]);
    assert_says(&case.finding(), &["bad directive", "5 times"]);
}

#[test]
fn an_error_before_ready_is_a_startup_error() {
    let variable = LogErrorKind::VariableMissing {
        name: "DATABASE_URL".into(),
    };
    let case = well(NEXUS).with("frontend", |is| {
        fail_to_start(is);
        log_error(is, variable, "KeyError: 'DATABASE_URL'");
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "startup-error frontend");
    assert_says(&finding, &["KeyError: 'DATABASE_URL'", "set DATABASE_URL"]);
}

#[test]
fn a_kill_for_memory_differs_from_another_kill() {
    let case = well(NEXUS).with("redis", |is| {
        kill(is);
        is.out_of_memory = Some("Out of memory: Killed process 100 (redis-server)".into());
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "out-of-memory redis");
    assert_says(&finding, &["Killed process 100"]);
    assert_eq!(finding.since, case.since("redis"));
}

#[test]
fn a_stopped_service_with_dependents_is_reported_as_not_running() {
    let case = well(NEXUS).with("redis", stop).failing(
        "backend",
        "create a session",
        CheckFault::Plain(status(500)),
    );
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "not-running redis < backend http-status: create a session"
    );
    assert_eq!(
        finding.remedy.action,
        Some(Action::Start {
            service: "redis".into()
        })
    );
}

#[test]
fn a_stopped_service_in_the_log_of_another_is_reported_as_not_running() {
    let text = NEXUS.replace("needs = [\"redis\"]\n", "");
    let case = well(&text)
        .with("redis", stop)
        .with("backend", |is| cannot_reach(is, "localhost", 6379))
        .failing("backend", "create a session", masked(500));
    let finding = case.finding();
    assert_eq!(
        short(&finding),
        "not-running redis < backend cors-masked-error: create a session"
    );
    assert_says(&finding, &["backend asks for it", "log line 42"]);
}

#[test]
fn an_external_service_that_is_down_has_no_start_action() {
    let text = "[service.billing]\nexternal = true\nready = { tcp = \"10.0.0.7:5432\" }\n\n[service.web]\ncommand = \"x\"\nneeds = \"billing\"\n";
    let case = well(text)
        .with("billing", |is| gone(is, PhaseName::Unhealthy))
        .with("web", waiting);
    let finding = case.finding();
    assert_eq!(short(&finding), "not-running billing < web not-running");
    assert_eq!(finding.remedy.action, None);
    assert_says(&finding, &["10.0.0.7:5432", "external"]);
}

#[test]
fn a_restarting_service_is_down_for_the_cause_of_its_exit() {
    let case = well(NEXUS).with("redis", |is| {
        fail_to_start(is);
        is.phase = PhaseName::Backoff;
    });
    assert_eq!(case.says(), ["startup-error redis"]);
}

#[test]
fn a_completed_job_is_not_missing() {
    let done = |is: &mut ServiceEvidence| {
        stop(is);
        is.wanted = true;
        is.last_exit = Some(Exit::Code(0));
    };
    assert_eq!(well(JOB).with("migrate", done).says(), [""; 0]);
}

#[test]
fn services_wait_for_a_failed_job() {
    let case = well(JOB)
        .with("migrate", |is| {
            fail_to_start(is);
            log_error(
                is,
                LogErrorKind::Other,
                "alembic.util.exc.CommandError: no head",
            );
        })
        .with("backend", waiting);
    assert_eq!(case.says(), ["startup-error migrate < backend not-running"]);
}

#[test]
fn another_daemon_is_reported_before_its_consequences() {
    let mut case = never_started(NEXUS);
    case.0.other_daemon = Some(OtherDaemon {
        pid: Some(77),
        detail: "it keeps its state in /home/anna/.local/state/pilotlight".into(),
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "keeper-conflict redis");
    assert_says(&finding, &["PID 77", "/home/anna"]);
}

#[test]
fn a_python_module_is_installed_with_the_tool_of_its_project() {
    for (manifests, command, module) in [
        (
            &["/project/requirements.txt"][..],
            "/project/.venv/bin/python -m pip install -r requirements.txt",
            "fastapi",
        ),
        (&["/project/uv.lock"], "uv sync", "fastapi"),
        (&["/project/poetry.lock"], "poetry install", "fastapi"),
        (
            &[],
            "/project/.venv/bin/python -m pip install PyYAML",
            "yaml",
        ),
    ] {
        let kind = LogErrorKind::ModuleMissing {
            ecosystem: Ecosystem::Python,
            name: module.into(),
            own: false,
        };
        let case = well(NEXUS).with("frontend", |is| {
            fail_to_start(is);
            is.project.python = Some("/project/.venv/bin/python".into());
            is.project.manifests = manifests.iter().map(Into::into).collect();
            log_error(
                is,
                kind,
                &format!("ModuleNotFoundError: No module named '{module}'"),
            );
        });
        let finding = case.finding();
        assert_eq!(short(&finding), "module-missing frontend");
        assert_says(&finding, &[module, &format!("`{command}`")]);
        let Some(Action::Install { command: words, .. }) = finding.remedy.action else {
            panic!("{:?}", finding.remedy);
        };
        assert_eq!(words.join(" "), command);
    }
}

#[test]
fn a_python_module_is_not_installed_into_an_environment_that_is_not_known() {
    for (manifest, command) in [
        ("/project/uv.lock", Some("uv sync")),
        ("/project/requirements.txt", None),
    ] {
        let case = well(NEXUS).with("backend", |is| {
            fail_to_start(is);
            is.project.manifests = vec![manifest.into()];
            let kind = LogErrorKind::ModuleMissing {
                ecosystem: Ecosystem::Python,
                name: "yaml".into(),
                own: false,
            };
            log_error(is, kind, "ModuleNotFoundError: No module named 'yaml'");
        });
        let remedy = case.finding().remedy;
        let installed = match &remedy.action {
            Some(Action::Install { command, .. }) => Some(command.join(" ")),
            _ => None,
        };
        assert_eq!(installed.as_deref(), command, "{remedy:?}");
        if command.is_none() {
            let text =
                "install the package of `yaml` into the Python environment that backend uses";
            assert_eq!(remedy.text, text);
        }
    }
}

#[test]
fn a_node_package_is_installed_by_its_lock_file() {
    for (manifests, command) in [
        (
            &["/project/web/package.json", "/project/package-lock.json"][..],
            "npm ci",
        ),
        (
            &["/project/web/pnpm-lock.yaml", "/project/web/package.json"],
            "pnpm install --frozen-lockfile",
        ),
        (&["/project/web/yarn.lock"], "yarn install"),
        (&["/project/web/package.json"], "npm install"),
        (&[], "npm install express"),
    ] {
        let kind = LogErrorKind::ModuleMissing {
            ecosystem: Ecosystem::Node,
            name: "express".into(),
            own: false,
        };
        let case = well(NEXUS).with("frontend", |is| {
            fail_to_start(is);
            is.project.manifests = manifests.iter().map(Into::into).collect();
            log_error(is, kind, "Error: Cannot find module 'express'");
        });
        assert_says(&case.finding(), &["express", &format!("`{command}`")]);
    }
}

#[test]
fn a_missing_program_beside_a_package_json_belongs_to_a_package() {
    let missing = || LogErrorKind::ProgramMissing {
        name: "vite".into(),
    };
    let case = well(NEXUS).with("frontend", |is| {
        fail_to_start(is);
        log_error(is, missing(), "sh: 1: vite: not found");
    });
    assert_eq!(case.says(), ["command-not-found frontend"]);
    let case = case.with("frontend", |is| {
        is.project.manifests = vec![
            "/project/package-lock.json".into(),
            "/project/package.json".into(),
        ];
    });
    assert_eq!(case.says(), ["module-missing frontend"]);
    assert_says(&case.finding(), &["npm ci"]);
}

#[test]
fn a_module_of_the_project_itself_is_not_installed() {
    let own = LogErrorKind::ModuleMissing {
        ecosystem: Ecosystem::Python,
        name: "app.main".into(),
        own: true,
    };
    let case = well(NEXUS).with("frontend", |is| {
        fail_to_start(is);
        log_error(is, own, "ModuleNotFoundError: No module named 'app.main'");
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "module-missing frontend");
    assert_says(&finding, &["`directory`"]);
    assert_eq!(finding.remedy.action, None);
}

#[test]
fn a_service_should_start_in_the_folder_with_its_module() {
    let named_by_command = LogErrorKind::ModuleMissing {
        ecosystem: Ecosystem::Python,
        name: "main".into(),
        own: false,
    };
    let case = well(NEXUS).with("backend", |is| {
        fail_to_start(is);
        is.checks.clear();
        is.project.elsewhere = vec!["/project/backend/app".into()];
        log_error(
            is,
            named_by_command,
            "ModuleNotFoundError: No module named 'main'",
        );
    });
    let finding = case.finding();
    assert_says(&finding, &["`main`", "`directory = ", "backend/app"]);
    assert_eq!(
        finding.remedy.action, None,
        "no package of that name is installed"
    );
}

#[test]
fn a_module_in_the_virtual_environment_is_not_installed_again() {
    let module = LogErrorKind::ModuleMissing {
        ecosystem: Ecosystem::Python,
        name: "redis".into(),
        own: false,
    };
    let case = well(NEXUS).with("backend", |is| {
        fail_to_start(is);
        is.checks.clear();
        is.project.python = Some("/usr/bin/python3".into());
        is.project.venv = Some("/project/.venv/bin/python".into());
        is.project.venv_has_module = true;
        log_error(is, module, "ModuleNotFoundError: No module named 'redis'");
    });
    let finding = case.finding();
    let program = Path::new("/project/.venv/bin").join("uvicorn");
    assert_says(
        &finding,
        &[&format!("`{}`", program.display()), "/usr/bin/python3"],
    );
    assert_eq!(finding.remedy.action, None);
}

#[test]
fn a_wrong_runtime_version_is_named_with_the_files_that_require_another() {
    let case = well(NEXUS).with("frontend", |is| {
        fail_to_start(is);
        is.project.versions = vec![VersionEvidence {
            runtime: "Node.js",
            runs: "20.11.1".into(),
            wanted: "22".into(),
            files: vec!["/project/.nvmrc".into(), "/project/package.json".into()],
        }];
        log_error(
            is,
            LogErrorKind::Syntax,
            "SyntaxError: Unexpected token 'using'",
        );
    });
    let finding = case.finding();
    assert_eq!(short(&finding), "wrong-runtime frontend");
    assert_says(
        &finding,
        &["20.11.1", ".nvmrc", "`engines` in package.json"],
    );
}

#[test]
fn an_exited_program_under_a_running_watcher_is_found() {
    let case = well(NEXUS).with("frontend", |is| {
        is.phase = PhaseName::Starting;
        is.was_ready = false;
        is.listens.clear();
        fail_probes(is, &ProbeFaultKind::Refused);
        log_error(
            is,
            LogErrorKind::ModuleMissing {
                ecosystem: Ecosystem::Node,
                name: "react".into(),
                own: false,
            },
            "Error: Cannot find package 'react'",
        );
    });
    assert_eq!(case.says(), ["module-missing frontend"]);
    let case = case.with("frontend", |is| {
        log_error(
            is,
            LogErrorKind::Syntax,
            "SyntaxError: Unexpected token '}'",
        );
    });
    assert_eq!(case.says(), ["startup-error frontend"]);
}

#[test]
fn a_process_that_has_exited_unnoticed_by_its_daemon_has_exited() {
    let case = well(NEXUS).with("redis", |is| gone(is, PhaseName::Ready));
    let finding = case.finding();
    assert_eq!(short(&finding), "exited redis");
    assert_says(&finding, &["it has exited", "nothing listens on"]);
}

#[test]
fn a_program_that_exits_before_it_is_ready_is_not_restarted_without_a_known_reason() {
    let last = "psql: error: shop.conf: unexpected token";
    let case = well(NEXUS).with("redis", |is| {
        end(
            is,
            Exit::Code(2),
            Code::StartupError,
            "redis exited with code 2 before it was ready",
        );
        is.log.last_line = Some(line(last));
    });
    let finding = case.finding();
    assert_says(
        &finding,
        &[last, "fix the error, which occurs at each start"],
    );
    assert_eq!(finding.remedy.action, None);
}

#[test]
fn a_program_that_exits_because_of_another_may_be_restarted() {
    let case = well(NEXUS).with("redis", |is| {
        end(
            is,
            Exit::Code(2),
            Code::StartupError,
            "redis exited with code 2 before it was ready",
        );
        log_error(is, LogErrorKind::Unreachable, "Error: connection refused");
    });
    assert!(case.finding().remedy.action.is_some());
}

#[test]
fn the_reason_precedes_the_message_about_the_failure() {
    let case = well(NEXUS).with("redis", |is| {
        end(
            is,
            Exit::Code(1),
            Code::StartupError,
            "redis exited with code 1 before it was ready",
        );
        let missing = LogErrorKind::VariableMissing {
            name: "REDIS_CONF".into(),
        };
        log_error(is, missing, "REDIS_CONF is not set");
        is.log.earlier = is.log.last_error.take().into_iter().collect();
        log_error(is, LogErrorKind::Other, "[error] the task has failed");
    });
    assert_says(
        &case.finding(),
        &["REDIS_CONF is not set", "set REDIS_CONF"],
    );
}
