--- Gates hold tasks at a known place: see fixtures.gate for the other side.
--
--     local gate = new_gate()
--     local future = pool:submit("fixtures.gate:wait", gate.path, "value")
--     gate:wait_started(1)      -- it runs now, for sure
--     gate:open()               -- and may go on
local check = require "spec.support.check"
local files = require "spec.support.files"

local Gate = {}
Gate.__index = Gate

local all = {}

function Gate:open()
  -- Opened for both directions a FIFO never blocks the one who opens it, and
  -- while the handle lives every reader passes at once.
  self.handle = self.handle or assert(io.open(self.path, "r+"))
end

--- Let pass, in so many seconds, the one task that stands at the gate.
function Gate:open_later(seconds)
  local path = files.quote(self.path)
  assert(os.execute(("{ sleep %g; timeout 100 sh -c ': > \"$0\"' %s; } &")
                    :format(seconds, path)))
end

--- How many tasks have reached the gate so far.
function Gate:started()
  return #files.read(self.path .. ".started")
end

function Gate:wait_started(n)
  check.eventually(function() return self:started() >= n end,
                   n .. " tasks at the gate")
end

--- @return a new gate, opened and closed by the support after the test.
local function new_gate()
  local self = setmetatable({ path = files.directory() .. "/gate" }, Gate)
  assert(os.execute("mkfifo " .. files.quote(self.path)))
  all[#all + 1] = self
  return self
end

local gates = { new = new_gate }

function gates.open_all()
  for _, gate in ipairs(all) do gate:open() end
end

function gates.close_all()
  for i = #all, 1, -1 do
    if all[i].handle then all[i].handle:close() end
    all[i] = nil
  end
end

return gates
