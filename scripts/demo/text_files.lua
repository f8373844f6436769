--- Which files the demo reads.
--
-- @module demo.text_files
local M = {}

-- Folders that are full of text on most machines, the best first.
local PLACES = { "/usr/include", "/usr/share/doc", "/usr/share", "/etc" }

-- A place with fewer files than this is left for the next.
local ENOUGH = 200

-- A single large file would decide how long everything takes.
local LARGEST = 256 * 1024

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- The size, found without reading; nil where the file may not be read.
local function size_of(path)
  local file <close> = io.open(path, "rb")
  return file and file:seek("end")
end

local function list(dir, most_files, most_bytes)
  local files, bytes = {}, 0
  local find <close> = assert(io.popen(
    ("{ find %s -type f | LC_ALL=C sort; } 2>/dev/null"):format(quoted(dir))))
  for path in find:lines() do
    local size = size_of(path)
    if size and size > 0 and size <= LARGEST then
      files[#files + 1] = path
      bytes = bytes + size
    end
    if #files >= most_files or bytes >= most_bytes then break end
  end
  return files
end

--- Lists files without reading them.
-- @tparam ?string dir where to look; a good place of this machine if nil
-- @tparam integer most_files
-- @tparam integer most_bytes
-- @treturn {string,...} paths
-- @treturn string the folder
function M.find(dir, most_files, most_bytes)
  if dir then return list(dir, most_files, most_bytes), dir end
  local best, where = {}, PLACES[1]
  for _, place in ipairs(PLACES) do
    local files = list(place, most_files, most_bytes)
    if #files > #best then best, where = files, place end
    if #best >= math.min(ENOUGH, most_files) then break end
  end
  return best, where
end

return M
