//! A daemon that is killed, and the next one.

use super::stage::{Stage, kill, lives, steps, until};

#[test]
fn services_outlive_a_keeper_that_is_killed_and_the_next_one_sees_how_they_end() {
    let stage = Stage::new(&format!(
        "[service.ticker]\n{}\nready = {{ log = \"tick\" }}\nrestart = \"never\"\nstop = {{ timeout = \"300ms\" }}\n",
        steps("--print tick --child fork --until go --print leaving --exit 42")
    ));
    stage.expect(&["up", "--detach"], 0);
    let (pid, first) = (stage.pid("ticker"), stage.daemon().unwrap());
    let everybody = stage.processes();
    assert_eq!(everybody.len(), 2, "{everybody:?}");
    kill(first);
    assert!(!lives(first));
    for pid in &everybody {
        assert!(lives(*pid), "{pid} went with its daemon");
    }

    stage.expect(&["up", "--detach"], 0);
    assert_ne!(stage.daemon(), Some(first));
    let adopted = stage.service("ticker");
    assert_eq!(adopted["pid"], pid, "{adopted}");
    assert_eq!(adopted["adopted"], true, "{adopted}");
    assert_eq!(adopted["phase"], "ready", "{adopted}");

    // It was no child of this daemon's, and still its end is seen, with its code.
    stage.write("go", "");
    until("its end", || stage.service("ticker")["pid"].is_null());
    let ended = stage.service("ticker");
    assert_eq!(ended["phase"], "failed", "{ended}");
    assert!(ended["last_exit"].to_string().contains("42"), "{ended}");
    let (log, _) = stage.expect(&["logs", "ticker"], 0);
    assert!(log.contains("leaving"), "{log}");
    until("what it left is ended", || stage.processes().is_empty());
    stage.expect(&["down"], 0);
}

#[test]
fn what_was_adopted_is_stopped_with_its_whole_tree() {
    let stage = Stage::new(&format!(
        "[service.parent]\n{}\nready = {{ log = \"up\" }}\nstop = {{ timeout = \"300ms\" }}\n",
        steps("--child fork --child double-fork --print up")
    ));
    stage.expect(&["up", "--detach"], 0);
    until("two children", || stage.processes().len() == 3);
    let everybody = stage.processes();
    kill(stage.daemon().unwrap());
    stage.expect(&["up", "--detach"], 0);
    stage.expect(&["down"], 0);
    for pid in everybody {
        assert!(!lives(pid), "{pid}");
    }
}

#[test]
fn what_died_with_its_keeper_is_started_anew_and_what_it_left_is_ended() {
    let stage = Stage::new(&format!(
        "[service.parent]\n{}\nready = {{ log = \"up\" }}\nstop = {{ timeout = \"300ms\" }}\n",
        steps("--child fork --print up")
    ));
    stage.expect(&["up", "--detach"], 0);
    until("a child", || stage.processes().len() == 2);
    let before = stage.processes();
    let pid = stage.pid("parent");
    kill(stage.daemon().unwrap());
    kill(pid);
    stage.expect(&["up", "--detach"], 0);
    assert_ne!(stage.pid("parent"), pid);
    until("the end of what was left", || {
        before.iter().all(|pid| !lives(*pid))
    });
    stage.expect(&["down"], 0);
    assert_eq!(stage.processes(), [0; 0]);
}

/// The event cannot be delivered under Wine without a screen: there the helper says so, and the
/// service is ended when its patience is.
#[test]
fn a_service_that_ignores_every_request_is_ended_nevertheless() {
    let stage = Stage::new(&format!(
        "[service.deaf]\n{}\nready = {{ log = \"up\" }}\nstop = {{ timeout = \"300ms\" }}\n",
        steps("--sigterm ignore --child fork --print up")
    ));
    stage.expect(&["up", "--detach"], 0);
    let everybody = stage.processes();
    stage.expect(&["down"], 0);
    for pid in everybody {
        assert!(!lives(pid), "{pid}");
    }
}
