//! A full disk, a read-only mount.

use super::*;

/// Runs a script as root in a mount namespace of its own: `$1` is the directory around the home,
/// `$2` the home, `$3` the binary.  What it mounts is gone with it.
fn in_a_namespace(home: &TestHome, script: &str) -> Option<String> {
    let possible = is_root() && program_exists("unshare");
    let possible = possible && {
        let tried = Command::new("unshare").args(["-m", "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    if !has("root with unshare(1)", possible) {
        return None;
    }
    let output = Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-c", script, "sh"])
        .args([home.around(), &home.path()])
        .arg(env!("CARGO_BIN_EXE_dockpki"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = Ran::from(output).succeeds();
    Some(ran.stdout)
}

/// Shell functions: `snapshot` prints all that is in the home, `fill N` leaves N pages free.
const SHELL_FUNCTIONS: &str = r#"
    snapshot() {
        find "$home" ! -name .lock -printf '%P %m %U\n' | sort
        find "$home" -type f ! -name .lock -exec cksum {} + | sort
    }
    fill() {
        cat /dev/zero > "$1/filler" 2> "$1/said" || true
        rm -f "$1/said"
        cat /dev/zero >> "$1/filler" 2> /dev/null || true
        size=$(stat -c %s "$1/filler")
        truncate -s $((size - 4096 * $2)) "$1/filler"
    }
    around=$1 home=$2 dockpki=$3
"#;

#[test]
fn a_full_disk_leaves_the_home_as_it_was() {
    let home = TestHome::new();
    let script = format!(
        r#"{SHELL_FUNCTIONS}
        mount -t tmpfs -o size=128k none "$around" || exit 90
        "$dockpki" --home "$home" init -q --san localhost --client alice > /dev/null || exit 91
        snapshot > "$around/before"
        failed=0
        for free in 0 1 2 3 4 5 6 7 8 9 10; do
            snapshot > /dev/null
            fill "$around" $free
            said=$("$dockpki" --home "$home" client issue a b 2>&1 > /dev/null)
            code=$?
            rm "$around/filler"
            if [ $code = 0 ]; then break; fi
            failed=$((failed + 1))
            [ $code = 1 ] || {{ echo "$free free: exit $code: $said"; exit 92; }}
            case $said in
                *"no space left on device"*) ;;
                *) echo "$free free: $said"; exit 93 ;;
            esac
            snapshot | cmp - "$around/before" || {{ echo "$free free: changed"; exit 94; }}
        done
        [ $code = 0 ] || "$dockpki" --home "$home" client issue a b > /dev/null || exit 95
        "$dockpki" --home "$home" verify || exit 96
        echo "failed $failed times"
        "#
    );
    let Some(output) = in_a_namespace(&home, &script) else {
        return;
    };
    let (_, times) = output.split_once("failed ").unwrap();
    let times: u32 = times.split_once(' ').unwrap().0.parse().unwrap();
    assert!(times >= 4, "the disk was not full: {output}");
    assert!(output.contains("nothing found"), "{output}");
}

#[test]
fn init_on_a_full_disk_leaves_no_home() {
    let home = TestHome::new();
    let script = format!(
        r#"{SHELL_FUNCTIONS}
        mount -t tmpfs -o size=128k none "$around" || exit 90
        failed=0
        for free in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
            fill "$around" $free
            said=$("$dockpki" --home "$home" init --san localhost --client alice 2>&1 > /dev/null)
            code=$?
            rm "$around/filler"
            if [ $code = 0 ]; then break; fi
            failed=$((failed + 1))
            [ $code = 1 ] || {{ echo "$free free: exit $code: $said"; exit 92; }}
            case $said in
                *"no space left on device"*) ;;
                *) echo "$free free: $said"; exit 93 ;;
            esac
            [ -z "$(ls -A "$around")" ] || {{ ls -AR "$around"; exit 94; }}
        done
        [ $code = 0 ] || exit 95
        "$dockpki" --home "$home" verify || exit 96
        echo "failed $failed times"
        "#
    );
    let Some(output) = in_a_namespace(&home, &script) else {
        return;
    };
    let (_, times) = output.split_once("failed ").unwrap();
    let times: u32 = times.split_once(' ').unwrap().0.parse().unwrap();
    assert!(times >= 4, "the disk was not full: {output}");
}

#[test]
fn a_read_only_mount_is_named_and_can_be_read() {
    let home = TestHome::with_ca(&[]);
    let before = snapshot(home.around());
    let script = format!(
        r#"{SHELL_FUNCTIONS}
        mount --bind "$around" "$around" && mount -o remount,ro,bind "$around" || exit 90
        for command in "client issue a" "server issue web --san web.example.com"; do
            said=$("$dockpki" --home "$home" $command 2>&1 > /dev/null)
            [ $? = 1 ] || {{ echo "$command: $said"; exit 91; }}
            case $said in
                "error: "*"read-only file system"*) ;;
                *) echo "$command: $said"; exit 92 ;;
            esac
        done
        said=$("$dockpki" --home "$around/new" init --san localhost 2>&1 > /dev/null)
        [ $? = 1 ] || exit 93
        case $said in
            "error: "*"read-only file system"*) ;;
            *) echo "init: $said"; exit 94 ;;
        esac
        "$dockpki" --home "$home" list || exit 95
        "$dockpki" --home "$home" ca show || exit 96
        "$dockpki" --home "$home" verify || exit 97
        "#
    );
    if let Some(output) = in_a_namespace(&home, &script) {
        assert!(output.contains("nothing found"), "{output}");
        assert!(snapshot(home.around()) == before);
    }
}
