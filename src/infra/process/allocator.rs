//! The global allocator, chosen by a cargo feature, jemalloc by default (`benches/builds.sh` compares them), and the
//! size of its memory pages.

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(all(feature = "jemalloc", not(feature = "mimalloc")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The allocator's name.
pub const NAME: &str = if cfg!(feature = "mimalloc") {
    "mimalloc"
} else if cfg!(feature = "jemalloc") {
    "jemalloc"
} else {
    "system"
};

/// Disables huge pages for this process, on Linux only. A server calls it first, since existing huge pages stay huge.
///
/// A page of 2 MiB is resident as a whole once a byte of it is access_change. mimalloc asks for such pages, and so took half
/// as much memory again. jemalloc does not, but the system may give them unasked (benches/NOTES.md).
///
/// # Errors
/// That of the system, if it refuses. The server can run without this.
pub fn take_small_pages() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true)?;
    Ok(())
}
