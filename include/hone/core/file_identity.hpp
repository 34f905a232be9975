#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include <hone/config.hpp>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/stat.h>
#endif

namespace hone::inline HONE_ABI {

/// Which file a path names, and in which state: files of equal identity have equal contents.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified = 0;  ///< the contents; ns since 1970
  std::int64_t changed = 0;   ///< the contents, the links or the rights; ns since 1970

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;

  /// How far apart two changes must be to be told apart: the clocks of file systems tick every 2 s (FAT) to 1 ms.
  static constexpr std::chrono::seconds clock_tick{2};

  /// Nothing where the system does not tell, where there is no such file, and for a file whose contents have changed within the last
  /// clock_tick: the next change could leave it with the same identity.
  [[nodiscard]] static std::optional<FileIdentity> of(const std::filesystem::path& path) noexcept {
#if defined(__unix__) || defined(__APPLE__)
    struct ::stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
#if defined(__APPLE__)
    const auto [modified, changed] = std::pair(status.st_mtimespec, status.st_ctimespec);
#else
    const auto [modified, changed] = std::pair(status.st_mtim, status.st_ctim);
#endif
    const FileIdentity result{static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
                              static_cast<std::uint64_t>(status.st_size), nanoseconds(modified), nanoseconds(changed)};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    if (now - std::chrono::nanoseconds(result.modified) < clock_tick) return std::nullopt;
    return result;
#else
    (void)path;
    return std::nullopt;
#endif
  }

 private:
#if defined(__unix__) || defined(__APPLE__)
  static std::int64_t nanoseconds(const ::timespec& time) noexcept { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }
#endif
};

/// A file that has been read.
struct SourceFile {
  std::filesystem::path path;
  /// Before it was read; nothing when what is there now cannot be told from what was read.
  std::optional<FileIdentity> identity;

  explicit SourceFile(std::filesystem::path name) : path(std::move(name)), identity(FileIdentity::of(path)) {}
  friend bool operator==(const SourceFile&, const SourceFile&) = default;

  /// Whether the path is known to name the same contents still.
  [[nodiscard]] bool is_unchanged() const noexcept { return identity && FileIdentity::of(path) == identity; }
};

}  // namespace hone::inline HONE_ABI
