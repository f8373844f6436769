--- Files read whole, counted and checksummed.
--
-- IO-bound while the disk is slow and the file not yet in memory, CPU-bound
-- from then on: the demo shows both.
--
-- @module tasks.files
local hash = require "tasks.hash"

local M = {}

-- A file with a zero byte near its start is not text, as grep sees it too.
local PROBE = 4096

-- Reads from an open file: "" at its end, the system's message raised where
-- it cannot be read, as a directory cannot.
local function read_from(file, what)
  local text, message = file:read(what)
  if message then error(message, 0) end
  return text or ""
end

--- Reads a whole file.
-- @tparam string path
-- @treturn string
-- @raise the system's message where the file cannot be read
function M.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return read_from(file, "a")
end

--- Counts the lines of a string as `wc -l` does: by its line feeds.
-- @tparam string text
-- @treturn integer
function M.count_lines(text)
  local find = string.find
  local count = 0
  local at = find(text, "\n", 1, true)
  while at do
    count = count + 1
    at = find(text, "\n", at + 1, true)
  end
  return count
end

--- Counts the words of a string: what stands between white space.
-- @tparam string text
-- @treturn integer
function M.count_words(text)
  local _, count = text:gsub("%S+", "")
  return count
end

--- Reads a file; counts its bytes, lines and words; checksums it.
-- A file that is not text is told apart by its first bytes and not read on.
-- @tparam string path
-- @treturn table `{ text = true, bytes =, lines =, words =, adler32 = }` or
--   `{ text = false }`
-- @raise the system's message where the file cannot be read
function M.count(path)
  local file <close> = assert(io.open(path, "rb"))
  local start = read_from(file, PROBE)
  if start:find("\0", 1, true) then return { text = false } end
  local text = start .. read_from(file, "a")
  return {
    text = true,
    bytes = #text,
    lines = M.count_lines(text),
    words = M.count_words(text),
    adler32 = hash.adler32(text),
  }
end

--- Lists readable files below a directory.
-- @tparam string directory
-- @tparam integer most how many to list at most
-- @treturn {string,...}
function M.list(directory, most)
  local quoted = "'" .. directory:gsub("'", "'\\''") .. "'"
  local pipe <close> = assert(io.popen(
    ("find -L %s -type f -readable 2>/dev/null | head -n %d")
      :format(quoted, most)))
  local paths = {}
  for path in pipe:lines() do paths[#paths + 1] = path end
  return paths
end

M._tasks = {
  read = {
    kind = "io", about = "the contents of a file",
    args = { "path" }, example = { "/etc/hostname" },
  },
  count = {
    kind = "mixed", about = "bytes, lines, words, Adler-32 of a text file",
    args = { "path" }, example = { "/etc/passwd" },
  },
}

return M
