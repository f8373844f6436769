--- The standard input, read in a thread of its own.
--
-- A Lua state that reads is blocked until there is a line. So `tandem map`
-- leaves the reading to a pool of one thread, asks it for some lines ahead,
-- and takes them in order as they arrive: results can be written while the
-- next line is still to come.
--
-- @module tandem_cli.lines
local M = {}

-- Lines asked for ahead of their use.
local AHEAD = 64

-- Belongs to the reading thread: at a terminal the end of the input is not
-- for ever, but here the first end counts.
local ended = false

--- The task: reads a line.
-- @treturn ?string the line, nil at the end of the input
function M.read()
  if ended then return nil end
  local line, problem = io.read("L")
  if problem then error(problem, 0) end
  ended = line == nil
  return line
end

local Reader = {}
Reader.__index = Reader

local function ask(reader)
  reader.last = reader.last + 1
  reader.asked[reader.last] = reader.pool:submit("tandem_cli.lines:read")
                                         :on_done(reader.wake)
end

--- Starts reading.
-- @param tandem the library
-- @treturn table a reader with the method `next`
function M.open(tandem)
  local reader = setmetatable({
    pool = tandem.thread_pool { max_workers = 1, name = "stdin" },
    asked = {}, first = 1, last = 0,
    -- A callback is what lets tandem.poll return when a line is there.
    wake = function() end,
  }, Reader)
  for _ = 1, AHEAD do ask(reader) end
  return reader
end

--- Takes the next line if it has arrived; never blocks.
-- @treturn boolean whether the reader got that far
-- @treturn ?string the line, nil at the end of the input
-- @raise the system's message where the input cannot be read
function Reader:next()
  local future = self.asked[self.first]
  if not future:done() then return false end
  self.asked[self.first] = nil
  self.first = self.first + 1
  ask(self)
  return true, (future:result())
end

return M
