//! "Port unreachable" is told in words, and ends nothing.

use crate::support::{deaf_port, receive, run, start_with_events, take};

#[test]
fn it_is_told_and_the_program_goes_on() {
    let (deaf, addr) = deaf_port();
    let (mut sender, local) = start_with_events(&["send", &addr]);
    // Each line is told of, also where nothing follows it.
    for _ in 0..3 {
        sender.write(b"anybody?\n");
        let unreachable = take(&mut sender, "unreachable");
        assert_eq!((&unreachable["peer"], &unreachable["what"]), (&(*addr).into(), &"port".into()));
    }
    // From now on somebody receives there.
    deaf.connect(&*local).unwrap();
    sender.write(b"now?\n");
    assert_eq!(receive(&deaf).0, b"now?");
    sender.close_stdin();
    let done = sender.finish();
    let end = done.end();
    assert_eq!((&end["sent"], &end["unreachable"]), (&4.into(), &3.into()));
    let words = format!("{addr} answered: port unreachable (nothing receives there)\n");
    assert_eq!(done.stderr, words.repeat(3));
}

#[test]
fn the_answer_to_the_last_line_is_told_before_the_end() {
    let (_deaf, addr) = deaf_port();
    let done = run(&["send", &addr], b"anybody?\n");
    assert_eq!(done.code, 0);
    let words = format!("{addr} answered: port unreachable (nothing receives there)\n");
    assert_eq!(done.stderr, words);
}

#[test]
fn whoever_wants_only_errors_is_not_told() {
    let (_deaf, addr) = deaf_port();
    run(&["send", "-q", &addr], b"anybody?\n").silent();
}
