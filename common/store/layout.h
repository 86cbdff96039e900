// The directory of an embedded store:
//   store.conf    format and number of shards, written once
//   lock          held while the store is being made or opened
//   index/NN.db   shards
//   text/NN.db    the index of the texts of each, which can be made anew: see text_shelf.h
//   bytes/        the journal with the message bytes
//   hints/        sockets, see hub.h
//   maildrops     of the imapd, which locks it
#pragma once
#include <cstddef>
#include <expected>
#include <string>

#include "common/store/types.h"

namespace quartet::store {

class Layout {
 public:
  /// Makes what is missing. Refuses network file systems: SQLite's shared memory and our locks need one kernel.
  static std::expected<Layout, StoreError> open(const std::string& directory, std::size_t shards_if_new);
  ~Layout();  // releases `lock`
  Layout(Layout&& other) noexcept;
  Layout& operator=(Layout&&) = delete;

  std::size_t shards() const { return shards_; }
  std::string shard_path(std::size_t number) const;
  /// Of the index of texts; made when it is first needed.
  std::string texts_path(std::size_t number) const;
  std::string bytes_directory() const { return directory_ + "/bytes"; }
  std::string hints_directory() const { return directory_ + "/hints"; }

 private:
  Layout(std::string directory, int lock_fd) : directory_(std::move(directory)), lock_fd_(lock_fd) {}
  std::expected<void, StoreError> read_or_write_settings(std::size_t shards_if_new);

  std::string directory_;
  int lock_fd_;
  std::size_t shards_ = 0;
};

/// Of a store that exists, without opening it. kIo if there is none.
std::expected<std::size_t, StoreError> count_shards(const std::string& directory);

/// The name of a file system that cannot hold a store ("nfs"), or "" if `path` is fine.
std::string unsuitable_file_system(const std::string& path);

}  // namespace quartet::store
