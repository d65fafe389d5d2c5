package docker

import (
	"encoding/json"
	"strings"
	"sync"
)

// allowed are the system calls of a program that computes: files, memory,
// threads, time, and sockets inside its own network namespace. It is a list of
// what may be done, so a call that a later kernel adds is refused. Left out, and
// allowed by the default filters of some engines, are io_uring, and sockets that
// reach past the network namespace (vsock). Names that an architecture or an
// engine does not know are skipped by it.
const allowed = `
accept accept4 access alarm arch_prctl bind brk cachestat capget capset chdir chmod chown clock_getres clock_getres_time64
clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat
dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat
exit exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync
fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue futex_time64
futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid
getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage
getsid getsockname getsockopt gettid gettimeofday getuid getxattr getxattrat inotify_add_watch inotify_init inotify_init1
inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioctl ioprio_get ioprio_set kill
lchown lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise map_shadow_stack membarrier
memfd_create mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open
mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep
newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll
ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read
readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2
restart_syscall riscv_flush_icache riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr
sched_setparam sched_setscheduler sched_yield select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto
set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid
setresgid setresuid setreuid setrlimit setsid setsockopt setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack
signalfd signalfd4 socketpair splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill
time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid
waitpid write writev`

// families are the socket families that may be opened: unix, IPv4, IPv6 and
// netlink, by which a program reads its own list of interfaces.
var families = []uint64{1, 2, 10, 16}

// newNamespaces are the CLONE_NEW* flags: no namespace inside the namespace.
const newNamespaces = 0x7e020000

type seccompArg struct {
	Index    uint   `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo"`
	Op       string `json:"op"`
}

type seccompRule struct {
	Names    []string     `json:"names"`
	Action   string       `json:"action"`
	ErrnoRet *uint        `json:"errnoRet,omitempty"`
	Args     []seccompArg `json:"args,omitempty"`
}

// profile is the filter in the form that the API takes.
var profile = sync.OnceValue(func() string {
	const allow = "SCMP_ACT_ALLOW"
	var enosys uint = 38
	rules := []seccompRule{
		{Names: strings.Fields(allowed), Action: allow},
		{Names: []string{"clone"}, Action: allow, Args: []seccompArg{{Index: 0, Value: newNamespaces, Op: "SCMP_CMP_MASKED_EQ"}}},
		// Its flags lie in memory, where a filter cannot look: a C library that is
		// told that it does not exist uses clone.
		{Names: []string{"clone3"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &enosys},
	}
	for _, f := range families {
		rules = append(rules, seccompRule{Names: []string{"socket"}, Action: allow, Args: []seccompArg{{Index: 0, Value: f, Op: "SCMP_CMP_EQ"}}})
	}
	for _, p := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} { // what uname shows, and reading it
		rules = append(rules, seccompRule{Names: []string{"personality"}, Action: allow, Args: []seccompArg{{Index: 0, Value: p, Op: "SCMP_CMP_EQ"}}})
	}
	b, err := json.Marshal(map[string]any{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules})
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(b)
})
