package sharing

import "aihub"

// Reason returns what happened and the next step, for a person.
func Reason(r aihub.Reason) aihub.Text {
	if t, ok := reasons[r]; ok {
		return t
	}
	return aihub.Text{
		EN: "the run failed (" + string(r) + "); ask the operator of this platform",
		ZH: "运行失败（" + string(r) + "）；请联系平台运维人员",
	}
}

var reasons = map[aihub.Reason]aihub.Text{
	"": {},
	aihub.ReasonExit: {
		EN: "the algorithm ended with an exit code other than 0; read its log, and run `aihub test` to see it on the public sample",
		ZH: "算法以非 0 退出码结束；请查看日志，或用 `aihub test` 在公开样例上复现",
	},
	aihub.ReasonSignal: {
		EN: "the algorithm was ended by a signal of its own (a crash); read the end of its log, and run `aihub test`",
		ZH: "算法因自身信号（崩溃）终止；请查看日志末尾，并运行 `aihub test`",
	},
	aihub.ReasonMemory: {
		EN: "the algorithm used more memory than limits.memory of the scenario; read the input in pieces or use a smaller model",
		ZH: "算法使用的内存超过场景的 limits.memory；请分批读取输入或换用更小的模型",
	},
	aihub.ReasonTimeout: {
		EN: "the algorithm was not done within limits.wall of the scenario; make it faster: the clock includes loading the model",
		ZH: "算法未在场景的 limits.wall 时限内完成；请提高速度（计时包括加载模型）",
	},
	aihub.ReasonNoOutput: {
		EN: "the declared output file is missing; write it to /output under exactly the name that the scenario gives",
		ZH: "缺少声明的输出文件；请以场景规定的文件名写入 /output",
	},
	aihub.ReasonOutput: {
		EN: "what lies in /output is not what the contract allows; write one regular file, no links, within limits.output and limits.inodes",
		ZH: "/output 中的内容不符合约定；请只写一个普通文件，不用链接，且不超过 limits.output 与 limits.inodes",
	},
	aihub.ReasonPrediction: {
		EN: "the predictions do not match the output schema; one row for every input row, every declared column, no missing or infinite value: `aihub test` names each fault",
		ZH: "预测结果不符合输出格式；每个输入行对应一行，列齐全，无缺失或无穷值：`aihub test` 会列出每个问题",
	},
	aihub.ReasonStart: {
		EN: "the image's command could not be started; check entrypoint, architecture and that the file is executable for uid 65532",
		ZH: "镜像的启动命令无法执行；请检查 entrypoint、处理器架构，以及文件对 uid 65532 可执行",
	},
	aihub.ReasonScorer: {
		EN: "the scenario's scoring failed, not the algorithm; but on a final part the attempt is given back, and the scenario's owner can see why",
		ZH: "场景的评分出错，并非算法问题；除 final 分区外本次机会已退还，场景负责方可见详情",
	},
	aihub.ReasonUndefined: {
		EN: "a metric that the scenario demands is undefined for these predictions; `aihub test` scores them on the public sample",
		ZH: "场景要求必须有定义的指标对该预测无定义；`aihub test` 可在公开样例上评分",
	},
	aihub.ReasonData: {
		EN: "a part of the data could not be read as published; the attempt is given back: submit again when the owner has mended it",
		ZH: "数据分区无法按发布内容读取；本次机会已退还，待负责方修复后请重新提交",
	},
	aihub.ReasonPlatform: {
		EN: "the platform failed, after trying again by itself; the attempt is given back: submit again",
		ZH: "平台故障，自动重试后仍未成功；本次机会已退还，请重新提交",
	},
	aihub.ReasonPolicy: {
		EN: "the run was stopped because its permission ended; see the enrolment, and ask the scenario's owner",
		ZH: "许可失效，运行被停止；请查看揭榜状态并联系场景负责方",
	},
	aihub.ReasonHidden: {
		EN: "the run on hidden data failed; the reason is not shown because it could tell about the data: run `aihub test` on the public sample: it checks the predictions and scores them; a smoke run shows only the log",
		ZH: "在隐藏数据上的运行失败；原因可能泄露数据，故不显示：请先用 `aihub test` 和公开样例试运行排查",
	},
	aihub.ReasonCancelled: {
		EN: "it was cancelled by its organisation; submit again when ready",
		ZH: "已由提交机构取消；准备好后可重新提交",
	},
}
