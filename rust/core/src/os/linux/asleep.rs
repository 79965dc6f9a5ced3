//! What a thread of this process that does not run waits in, as the kernel shows it.

use std::fs::File;
use std::io::Read;

use crate::os::ThreadState;

/// Returns whether a thread of this process runs, and in which system call it sleeps; `None` if the system does not tell.
///
/// The kernel shows the registers of a thread only while that is off its processor and not ready to run. It shows none but
/// these two.
#[must_use]
pub fn thread_state(thread_id: u32) -> Option<ThreadState> {
    let mut text = [0u8; 192]; // nine numbers, of 18 letters at most
    let mut file = File::open(format!("/proc/self/task/{thread_id}/syscall")).ok()?;
    let length = file.read(&mut text).ok()?;
    parse(text.get(..length)?)
}

/// Returns the state in a line `running`, `number argument... sp pc` or `-1 sp pc`.
fn parse(line: &[u8]) -> Option<ThreadState> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    if line == "running" {
        return Some(ThreadState::Running);
    }
    let fields: Vec<&str> = line.split(' ').collect();
    let [number, .., sp, pc] = fields.as_slice() else { return None };
    let number: i64 = number.parse().ok()?;
    // A thread that waits for a page is in no system call, and has no arguments.
    if fields.len() != if number < 0 { 3 } else { 9 } {
        return None;
    }
    let address = |field: &str| usize::from_str_radix(field.strip_prefix("0x")?, 16).ok();
    Some(ThreadState::Asleep { system_call: number, sp: address(sp)?, pc: address(pc)? })
}

/// Returns the name of a system call in which threads sleep; `None` for any other one.
#[must_use]
pub fn system_call_name(number: i64) -> Option<&'static str> {
    const NAMES: &[(libc::c_long, &str)] = &[
        (libc::SYS_futex, "futex"),
        (libc::SYS_flock, "flock"),
        (libc::SYS_fcntl, "fcntl"),
        (libc::SYS_nanosleep, "nanosleep"),
        (libc::SYS_clock_nanosleep, "clock_nanosleep"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_poll, "poll"),
        (libc::SYS_ppoll, "ppoll"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_select, "select"),
        (libc::SYS_pselect6, "pselect6"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_epoll_wait, "epoll_wait"),
        (libc::SYS_epoll_pwait, "epoll_pwait"),
        (libc::SYS_read, "read"),
        (libc::SYS_readv, "readv"),
        (libc::SYS_pread64, "pread64"),
        (libc::SYS_write, "write"),
        (libc::SYS_writev, "writev"),
        (libc::SYS_pwrite64, "pwrite64"),
        (libc::SYS_fsync, "fsync"),
        (libc::SYS_fdatasync, "fdatasync"),
        (libc::SYS_recvfrom, "recvfrom"),
        (libc::SYS_recvmsg, "recvmsg"),
        (libc::SYS_sendto, "sendto"),
        (libc::SYS_sendmsg, "sendmsg"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_accept, "accept"),
        (libc::SYS_accept4, "accept4"),
        (libc::SYS_wait4, "wait4"),
        (libc::SYS_waitid, "waitid"),
    ];
    NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_of_the_kernel_gives_number_stack_and_code(number in 0i64..600, arguments: [usize; 6], sp: usize, pc: usize) {
            let arguments = arguments.map(|argument| format!("{argument:#x}")).join(" ");
            let line = format!("{number} {arguments} {sp:#x} {pc:#x}\n");

            prop_assert_eq!(parse(line.as_bytes()), Some(ThreadState::Asleep { system_call: number, sp, pc }));
            prop_assert_eq!(parse(line.trim_end().rsplit_once(' ').expect("fields").0.as_bytes()), None);
        }

        #[test]
        fn any_bytes_give_a_state_or_none(bytes in prop::collection::vec(any::<u8>(), 0..192)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn anything_that_looks_like_a_line_gives_a_state_or_none(line in "-?[0-9]{0,4}( 0?x?[0-9a-f]{0,17}){0,10}\n?") {
            let _ = parse(line.as_bytes());
        }
    }

    #[test]
    fn a_thread_that_runs_or_waits_for_a_page_is_told_apart() {
        assert_eq!(parse(b"running\n"), Some(ThreadState::Running));
        assert_eq!(parse(b"-1 0x10 0x20\n"), Some(ThreadState::Asleep { system_call: -1, sp: 16, pc: 32 }));
        assert_eq!(parse(b"0\n"), None); // hidden from whoever may not look
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn a_thread_that_does_not_exist_has_no_state() {
        assert_eq!(thread_state(u32::MAX >> 4), None);
    }

    #[test]
    fn system_calls_have_their_names() {
        assert_eq!(system_call_name(libc::SYS_futex), Some("futex"));
        assert_eq!(system_call_name(-1), None);
    }
}
