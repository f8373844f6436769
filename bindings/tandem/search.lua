--- Search paths for workers, which may run elsewhere.
-- @module tandem.search
-- @local
local core = require "tandem.core"

local search = {}

--- The path with its relative entries made absolute.
-- @tparam string path as `package.path`
-- @treturn string
function search.absolute(path)
  local cwd = core.cwd()
  if not cwd or type(path) ~= "string" then return path end
  return (path:gsub("[^;]+", function(entry)
    if entry:sub(1, 1) == "/" then return entry end
    return cwd .. "/" .. entry:gsub("^%./", "")
  end))
end

return search
