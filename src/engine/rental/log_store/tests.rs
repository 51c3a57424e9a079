use super::*;

const ID: InstanceId = InstanceId(7);

fn chunk(file: u64, offset: u64, bytes: &[u8]) -> TailChunk {
    TailChunk {
        file,
        offset,
        bytes: bytes.to_vec(),
    }
}

fn replayed(log: &LogFiles) -> Vec<u8> {
    log.replay().flat_map(|chunk| chunk.bytes).collect()
}

fn sizes(directory: &Path) -> Vec<u64> {
    files(directory).iter().map(|file| file.length).collect()
}

#[test]
fn next_run_resumes_at_the_byte() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().join("rental_logs"));
    let mut log = logs.of(ID);
    assert_eq!(log.position(), LogPosition::default());
    log.append(&chunk(3, 0, b"one\n"));
    log.append(&chunk(3, 4, b"tw"));
    // It is killed while it writes: half of the chunk is there.
    let file = scratch.path().join("rental_logs/7/000000-3-0.log");
    let mut torn = OpenOptions::new().append(true).open(&file).unwrap();
    torn.write_all(b"o").unwrap();
    drop(log);
    let mut log = logs.of(ID);
    let position = log.position();
    assert_eq!((position.file, position.offset), (3, 7));
    assert_eq!(position.before, b"one\ntwo");
    log.append(&chunk(3, 7, b"\nthree\n"));
    assert_eq!(replayed(&logs.of(ID)), b"one\ntwo\nthree\n");
}

#[test]
fn new_remote_file_starts_a_file() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().to_owned());
    let mut log = logs.of(ID);
    log.append(&chunk(3, 0, b"old\n"));
    log.append(&chunk(4, 0, b"new\n"));
    // The same inode, truncated and rewritten.
    log.append(&chunk(4, 0, b"newer\n"));
    assert_eq!(sizes(&scratch.path().join("7")), [4, 4, 6]);
    let last = logs.of(ID).position();
    assert_eq!((last.file, last.offset), (4, 6));
    let offsets: Vec<_> = log
        .replay()
        .map(|chunk| (chunk.file, chunk.offset))
        .collect();
    assert_eq!(offsets, [(3, 0), (4, 0), (4, 0)]);
}

#[test]
fn flood_is_bounded_and_keeps_its_end() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().to_owned());
    let mut log = logs.of(ID);
    let part = vec![b'x'; 4 << 20];
    let mut offset = 0;
    for _ in 0..40 {
        log.append(&chunk(3, offset, &part));
        offset += part.len() as u64;
    }
    log.append(&chunk(3, offset, b"the end"));
    let sizes = sizes(&scratch.path().join("7"));
    assert!(sizes.iter().all(|&bytes| bytes <= FILE_BYTES), "{sizes:?}");
    assert!(
        sizes.iter().sum::<u64>() <= MAX_BYTES + FILE_BYTES,
        "{sizes:?}"
    );
    assert_eq!(logs.of(ID).position().offset, offset + 7);
    let last = log.replay().last().unwrap();
    assert!(last.bytes.ends_with(b"the end"));
}

#[test]
fn failing_disk_leaves_a_gap() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().join("logs"));
    // Given a file where the directory would be,
    fs::write(scratch.path().join("logs"), "").unwrap();
    let mut log = logs.of(ID);
    log.append(&chunk(3, 0, b"lost\n"));
    assert_eq!(log.position(), LogPosition::default());
    // when there is room again, then the log continues after a gap.
    fs::remove_file(scratch.path().join("logs")).unwrap();
    log.append(&chunk(3, 5, b"kept\n"));
    assert_eq!(replayed(&log), b"kept\n");
    assert_eq!(logs.of(ID).position().offset, 10);
}

#[test]
fn oldest_rentals_logs_are_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().to_owned());
    for id in 0..2 * MAX_RENTALS as u64 {
        logs.of(InstanceId(id)).append(&chunk(3, 0, b"a line\n"));
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), MAX_RENTALS);
    let newest = logs.of(InstanceId(2 * MAX_RENTALS as u64 - 1));
    assert_eq!(replayed(&newest), b"a line\n");
}

#[test]
fn disabled_store_saves_nothing() {
    let mut log = LogStore::disabled().of(ID);
    log.append(&chunk(3, 0, b"a line\n"));
    assert_eq!(log.replay().count(), 0);
}

#[test]
fn past_log_is_read_across_files() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().to_owned());
    let mut log = logs.of(ID);
    log.append(&chunk(3, 0, b"one\n\x1b[31mtw"));
    log.append(&chunk(3, 11, b"o\x1b[0m\n"));
    // The service was restarted and writes another file.
    log.append(&chunk(4, 0, b"three"));
    let read = logs.read(ID, Time::UNIX_EPOCH);
    let lines: Vec<String> = (0..read.end_seq())
        .filter_map(|number| Some(read.line(number)?.text().to_owned()))
        .collect();
    assert_eq!(lines, ["one", "two", "three"]);
    assert!(logs.read(InstanceId(8), Time::UNIX_EPOCH).is_empty());
}

#[test]
fn things_of_others_outlive_old_logs() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().to_owned());
    // Given things of others, one of them in the oldest rental's directory,
    for name in ["2019-photos", "007", "notes"] {
        fs::create_dir(scratch.path().join(name)).unwrap();
        fs::write(scratch.path().join(name).join("file"), "precious").unwrap();
    }
    std::os::unix::fs::symlink(scratch.path().join("notes"), scratch.path().join("8")).unwrap();
    for id in 100..100 + MAX_RENTALS as u64 {
        logs.of(InstanceId(id)).append(&chunk(3, 0, b"one\n"));
    }
    let mixed = scratch.path().join("100").join("notes");
    fs::write(&mixed, "precious").unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    for name in ["100", "101"] {
        let directory = File::open(scratch.path().join(name)).unwrap();
        directory.set_modified(long_ago).unwrap();
    }
    // when newer rentals begin,
    for id in 200..202 {
        logs.of(InstanceId(id)).append(&chunk(3, 0, b"one\n"));
    }
    // then only the oldest logs are gone.
    assert!(files(&scratch.path().join("100")).is_empty());
    assert!(!scratch.path().join("101").exists());
    let kept = ["2019-photos/file", "007/file", "notes/file"].map(|name| scratch.path().join(name));
    for file in kept.iter().chain([&mixed]) {
        assert_eq!(
            fs::read_to_string(file).unwrap(),
            "precious",
            "{}",
            file.display()
        );
    }
}
