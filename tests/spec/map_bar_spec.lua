--- The line that `tandem map` draws on a terminal.
local command = require "spec.support.command"

-- What a terminal shows of it, picture by picture; stdin as the shell has it.
local function pictures(input, columns)
  local code, out = command.shell(([[
    seq 400 > numbers
    declare -f tandem > tandem.sh
    SHELL=/bin/sh script -qefc 'stty cols %d
      bash -c ". ./tandem.sh; %s" ' /dev/null
  ]]):format(columns, input))
  assert.equal(0, code)
  local list = {}
  for picture in out:gmatch("[^\r\n]+") do
    list[#list + 1] = picture:gsub("%s+$", "")
  end
  return list
end

describe("tandem map", function()
  it("shows a bar where the input is a file", function()
    local list = pictures("tandem map math:sqrt < numbers > results", 80)
    assert.matches("^%[#+%] 100%%  400/400  ", list[#list])
  end)

  it("counts where the end of the input is not known", function()
    local list = pictures("cat numbers | tandem map math:sqrt > results", 80)
    assert.matches("^400  %S+/s  ", list[#list])
  end)

  it("fits a narrow terminal", function()
    local list = pictures("tandem map math:sqrt < numbers > results", 40)
    assert.equal("400 done", list[#list])
  end)

  it("tells of failures", function()
    local list = pictures("tandem map --on-error collect string:rep "
                          .. "< numbers > results || true", 80)
    assert.matches(", 400 failed$", list[#list])
  end)

  it("draws nothing between results, nor into a pipe", function()
    local code, out, err = command.shell("seq 3 | tandem map math:abs")
    assert.same({ 0, "1\n2\n3\n", "" }, { code, out, err })
  end)
end)
