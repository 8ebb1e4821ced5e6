//! The global allocator: the one that a cargo feature names, jemalloc by default; `benches/builds.sh` compares them.
//! And how large the pages are that it gets.

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(all(feature = "jemalloc", not(feature = "mimalloc")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What it is called.
pub const NAME: &str = if cfg!(feature = "mimalloc") {
    "mimalloc"
} else if cfg!(feature = "jemalloc") {
    "jemalloc"
} else {
    "system"
};

/// Takes memory in small pages only. For a server, first of all: what is huge by then stays so. It does nothing but on Linux.
///
/// Of pages of 2 MiB a whole one is resident once a byte of it is access_change. mimalloc asks for them, and so took half as much
/// again; jemalloc does not, but the system may give them unasked (benches/NOTES.md).
///
/// # Errors
/// The system refuses, which is no reason not to serve.
pub fn take_small_pages() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true)?;
    Ok(())
}
