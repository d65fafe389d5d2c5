package sharing

import (
	"fmt"

	"aihub"
)

// CertificateText says what a certificate says, for a person.
func CertificateText(c aihub.Certificate) aihub.Text {
	var t aihub.Text
	if c.Error > 0 {
		t = aihub.Text{
			EN: fmt.Sprintf("certificate: within ±%.3g of what it would score on new data, with %.0f %% certainty, however the questions were chosen", c.Error, 100*(1-c.Delta)),
			ZH: fmt.Sprintf("证书：无论如何提问，与在全新数据上的成绩相差不超过 ±%.3g，置信度 %.0f%%", c.Error, 100*(1-c.Delta)),
		}
	} else {
		t = aihub.Text{
			EN: "no certificate: this metric is not a mean of bounded losses, so that bits are counted and no error is bounded",
			ZH: "无误差证书：该指标不是有界损失的均值，仅计比特，不给误差上界",
		}
	}
	if c.Total == 0 {
		t.EN += fmt.Sprintf("; %d rows that are asked once, %d submissions together", c.Rows, c.Answers)
		t.ZH += fmt.Sprintf("；%d 行数据仅评一次，%d 个提交同时公布", c.Rows, c.Answers)
		return t
	}
	t.EN += fmt.Sprintf("; %.4g of %.4g bits about %d rows are spent, answers: %d", c.Bits, c.Total, c.Rows, c.Answers)
	t.ZH += fmt.Sprintf("；%d 行数据的 %.4g 比特已用 %.4g 比特，答复 %d 次", c.Rows, c.Total, c.Bits, c.Answers)
	return t
}
