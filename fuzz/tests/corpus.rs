//! Everything that the fuzzer kept, and what anyone put beside it.

use std::{fs, path::Path};

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(
        files.len() >= 10,
        "{} holds {} inputs",
        folder.display(),
        files.len()
    );
    for file in files {
        let data = fs::read(&file).unwrap();
        if std::panic::catch_unwind(|| target(&data)).is_err() {
            panic!(
                "{} fails: replay it with `cargo +nightly fuzz run {name} FILE`",
                file.display()
            );
        }
    }
}

#[test]
fn what_was_kept_for_segments_holds() {
    replay("segments", mirrorball_fuzz::segments);
}

#[test]
fn what_was_kept_for_messages_holds() {
    replay("messages", mirrorball_fuzz::messages);
}

#[test]
fn what_was_kept_for_patches_holds() {
    replay("patches", mirrorball_fuzz::patches);
}

#[test]
fn what_was_kept_for_pointers_holds() {
    replay("pointers", mirrorball_fuzz::pointers);
}

#[test]
fn what_was_kept_for_the_server_holds() {
    replay("server", mirrorball_fuzz::server);
}

#[test]
fn what_was_kept_for_the_client_holds() {
    replay("client", mirrorball_fuzz::client);
}

#[test]
fn what_was_kept_for_frames_holds() {
    replay("frames", mirrorball_fuzz::frames);
}

#[test]
fn what_was_kept_for_users_holds() {
    replay("htpasswd", mirrorball_fuzz::htpasswd);
}

#[test]
fn what_was_kept_for_paths_holds() {
    replay("paths", mirrorball_fuzz::paths);
}

#[test]
fn what_was_kept_for_headers_holds() {
    replay("headers", mirrorball_fuzz::headers);
}

#[test]
fn what_was_kept_for_batches_holds() {
    replay("bayeux_batch", mirrorball_fuzz::bayeux_batch);
}

#[test]
fn what_was_kept_for_channels_holds() {
    replay("bayeux_channel", mirrorball_fuzz::bayeux_channel);
}

#[test]
fn what_was_kept_for_the_broker_holds() {
    replay("bayeux_broker", mirrorball_fuzz::bayeux_broker);
}

#[test]
fn what_was_kept_for_the_client_of_bayeux_holds() {
    replay("bayeux_client", mirrorball_fuzz::bayeux_client);
}
