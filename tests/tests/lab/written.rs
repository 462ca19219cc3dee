//! What a run writes to files, and what if it cannot.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tests::{Directory, Running, foreign, piped, program};

use crate::pages::recorded;
use crate::{has_namespaces, on_loopback, scenarios};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A recording holds all that its page says, the command that plays it again included.
#[test]
fn the_page_of_a_recording_is_the_page_of_the_run() {
    if !has_namespaces() {
        return;
    }
    let folder = Directory::new();
    let [live, again, events] =
        ["live.html", "again.html", "run.jsonl"].map(|name| folder.path().join(name));
    let knob = ["--set", "tcp_keepalive_time=100"];
    let args = [&["run", "silence", "--json", "--html", text(&live)], &knob[..]].concat();
    fs::write(&events, scenarios(&args).stdout).unwrap();
    scenarios(&["run", "--replay", text(&events), "--html", text(&again)]);
    let [live, again] = [live, again].map(|page| fs::read_to_string(page).unwrap());
    assert!(live.contains("--set &#39;net.ipv4.tcp_keepalive_time=100&#39;"), "{live}");
    assert_eq!(live, again);
}

/// Where a file may not be longer, as on a disk that is full, what was there before is worth more than a part
/// of what should be there; and a link stays one.
#[test]
fn what_cannot_be_written_whole_leaves_what_was_there() {
    let Some(sh) = foreign("sh") else { return };
    let folder = Directory::new();
    let [page, link] = ["page.html", "link.html"].map(|name| folder.path().join(name));
    fs::write(&page, "an older report").unwrap();
    std::os::unix::fs::symlink(&page, &link).unwrap();
    // Ignored, the signal is an error of write(2), as of a disk that is full.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$1\" run --replay \"$2\" --html \"$3\"";
    for place in [&page, &link] {
        let scenarios = program("scenarios");
        let args = ["-c", script, "sh", text(&scenarios), &recorded("backlog"), text(place)];
        let finished = Running::start(&mut piped(&sh, &args)).finish();
        assert_eq!(finished.code, 1, "{}", finished.stderr);
        assert!(finished.stderr.contains(&format!("cannot write {}", text(place))));
        assert_eq!(fs::read_to_string(&page).unwrap(), "an older report");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
    scenarios(&["run", "--replay", &recorded("backlog"), "--html", text(&link)]);
    assert!(link.is_symlink() && fs::read_to_string(&page).unwrap().ends_with("</html>\n"));
}

#[test]
fn all_that_could_not_be_written_is_told() {
    let [html, cast] = ["/proc/none/page.html", "/proc/none/demo.cast"];
    let args = ["run", "--replay", &recorded("backlog"), "--html", html, "--cast", cast];
    let finished = scenarios(&args);
    assert_eq!(finished.code, 1);
    for file in [html, cast] {
        assert!(finished.stderr.contains(&format!("cannot write {file}: ")), "{}", finished.stderr);
    }
}

/// As the run itself did.
#[test]
fn a_replay_of_an_interrupted_run_has_its_cast() {
    let folder = Directory::new();
    let [run, cast] = ["run.jsonl", "demo.cast"].map(|name| folder.path().join(name));
    let whole = fs::read_to_string(recorded("backlog")).unwrap();
    let start: Value = serde_json::from_str(whole.lines().next().unwrap()).unwrap();
    let end = json!({
        "event": "end", "ok": false, "exit": 130, "checks": 0, "failed": 0, "skipped": 0,
        "level": "L0", "seconds": 1.0, "error": { "kind": "interrupted", "message": "interrupted" },
    });
    fs::write(&run, format!("{start}\n{end}\n")).unwrap();
    let finished = scenarios(&["run", "--replay", text(&run), "--cast", text(&cast)]);
    assert_eq!(finished.code, 130, "{}", finished.stderr);
    assert!(fs::read_to_string(&cast).unwrap().contains("what does listen(5) do"));
}

#[test]
fn a_demo_that_is_played_twice_has_two_pages() {
    let _alone = on_loopback();
    let folder = Directory::new();
    scenarios(&["run", "ports", "ports", "--loopback", "--html", text(folder.path())]);
    let index = fs::read_to_string(folder.path().join("index.html")).unwrap();
    for page in ["ports.html", "ports-2.html"] {
        assert!(index.contains(&format!("href=\"./{page}\"")), "{index}");
        assert!(folder.path().join(page).exists(), "{page}");
    }
}
