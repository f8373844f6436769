--- What a host pays that requires tandem, and never submits.
local files = require "spec.support.files"
local run_script = require "spec.support.script"

describe("a state that only requires tandem", function()
  it("takes 60 KiB at most for it, and starts nothing", function()
    local code, out, err = run_script [[
      local lfs = require "lfs"
      local function count(path)
        local n = 0
        for _ in lfs.dir(path) do n = n + 1 end
        return n
      end
      local function state()
        collectgarbage()
        collectgarbage()
        return collectgarbage("count"), count("/proc/self/task"),
               count("/proc/self/fd")
      end
      local before = table.pack(state())
      require "tandem"
      local after = table.pack(state())
      for i = 1, 3 do print(after[i] - before[i]) end
    ]]
    assert.equal(0, code, err)
    local kibibytes, threads, descriptors = out:match("^(%S+)\n(%S+)\n(%S+)\n$")
    assert.is_true(tonumber(kibibytes) <= 60, kibibytes)
    assert.equal("0", threads)
    assert.equal("0", descriptors)
    files.remove_all()
  end)
end)
