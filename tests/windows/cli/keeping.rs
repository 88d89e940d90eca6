//! A daemon that is killed, and the next one.

use super::stage::{Stage, kill, lives, steps, until};

#[test]
fn services_survive_a_killed_daemon_and_the_next_one_notices_their_exit() {
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

    // It was not a child of this daemon, but its exit is noticed, with its code.
    stage.write("go", "");
    until("its end", || stage.service("ticker")["pid"].is_null());
    let ended = stage.service("ticker");
    assert_eq!(ended["phase"], "failed", "{ended}");
    assert!(ended["last_exit"].to_string().contains("42"), "{ended}");
    let (log, _) = stage.expect(&["logs", "ticker"], 0);
    assert!(log.contains("leaving"), "{log}");
    until("its leftovers are stopped", || stage.processes().is_empty());
    stage.expect(&["down"], 0);
}

#[test]
fn an_adopted_service_is_stopped_with_its_whole_tree() {
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
fn a_service_that_died_with_its_daemon_is_restarted_after_its_survivors_are_stopped() {
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
    until("the end of the leftovers", || {
        before.iter().all(|pid| !lives(*pid))
    });
    stage.expect(&["down"], 0);
    assert_eq!(stage.processes(), [0; 0]);
}

/// Under Wine without a screen the event cannot be delivered: the helper reports that, and the service is
/// killed after its grace period.
#[test]
fn a_service_that_ignores_every_request_is_killed() {
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
