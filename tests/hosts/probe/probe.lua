--- Runs, in the state of a host, code that a test has written to a file.
--
-- What the chunk returns, or that it failed, stands in `FILE.out` afterwards.
-- It gets `kept`, which lives as long as the state, or the host's module.
local probe = {}

local function write(path, text)
  local file <close> = assert(io.open(path .. ".part", "w"))
  assert(file:write(text))
  file:close()
  assert(os.rename(path .. ".part", path .. ".out"))
end

--- Runs the file; raises what that raises, once it is written down.
function probe.run(path, kept)
  local chunk = assert(loadfile(path))
  local results = table.pack(pcall(chunk, kept))
  for i = 1, results.n do results[i] = tostring(results[i]) end
  write(path, table.concat(results, "\n"))
  if results[1] ~= "true" then error(results[2], 0) end
end

return probe
