package detect

import (
	"slices"
	"strings"
)

// What names of columns say, in Chinese, English and the initials of pinyin that
// government databases use (XB is 性别, CSRQ 出生日期). Those of whole words are
// compared with the parts of a name between its signs.
var (
	directNames = []string{"姓名", "手机", "电话", "座机", "传真", "邮箱", "身份证", "身份号", "证件号", "证号", "护照", "回乡证", "台胞证", "社保号", "社保卡", "医保卡", "医保号", "银行卡", "卡号", "账号", "帐号", "户号",
		"警号", "工号", "学号", "学籍号", "病历号", "病案号", "住院号", "门诊号", "就诊号", "车牌", "号牌", "车架号", "微信", "qq号", "用户id", "openid", "email", "e-mail", "passport", "id_card", "idcard",
		"mobile_no", "phone_no", "phone_number", "telephone", "full_name", "fullname", "first_name", "firstname", "last_name", "lastname", "surname", "user_id", "userid", "patient_id", "account_no", "card_no", "licence_plate", "license_plate"}
	directWords = []string{"xm", "sfzh", "sfzhm", "gmsfhm", "sfzjhm", "zjhm", "lxdh", "sjh", "sjhm", "dhhm", "yhkh", "cph", "cphm", "hphm", "phone", "mobile", "cellphone", "tel", "mail", "ssn", "imei", "imsi", "qq", "wechat", "fax"}
	// of what such a column only counts, dates, sorts or measures
	aboutNames = []string{"数", "次", "时长", "时间", "日期", "类型", "类别", "种类", "状态", "是否", "率", "地区", "归属", "品牌", "型号", "费", "额", "_count", "count_", "number_of", "num_", "type", "status", "has_", "is_", "brand", "time", "date", "duration", "usage", "rate"}

	sensitiveNames = []string{"diagnos", "disease", "income", "salary", "wage", "religio", "politic", "criminal", "disab", "medical", "hiv", "pregnan", "genetic", "fingerprint",
		"病", "诊断", "收入", "工资", "薪", "宗教", "信仰", "政治面貌", "犯罪", "违法", "残疾", "过敏", "血型", "基因", "指纹", "存款", "余额", "贷款", "征信", "低保", "怀孕", "孕周", "用药", "处方"}
	quasiNames = []string{"年龄", "性别", "出生", "生日", "民族", "籍贯", "职业", "学历", "文化程度", "婚姻", "邮编", "住址", "社区", "街道", "国籍", "户籍", "经度", "纬度", "坐标", "latitude", "longitude",
		"gender", "birth", "race", "ethnic", "occupation", "education", "marital", "postcode", "zipcode", "zip_code", "nationality", "native-country", "workclass", "district", "household", "neighborhood", "neighbourhood", "community"}
	quasiWords = []string{"age", "sex", "dob", "zip", "born", "lat", "lon", "lng", "xb", "nl", "csrq", "csny", "mz", "whcd", "hyzk", "zy", "hjd", "hjdz", "xzz", "jzd", "jtzz", "yzbm", "xl"}
	axisWords  = []string{"lat", "lon", "lng", "latitude", "longitude"}

	// serialNames say that codes in the form of a passport are none.
	serialNames = []string{"单号", "型号", "批次", "批号", "合同", "货号", "图号", "编码", "序列号", "产品", "设备", "order", "model", "batch", "serial", "product", "invoice", "contract"}
)

// classByName proposes a class for a column from its name.
func classByName(name string) (Class, bool) {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' })
	has := func(list []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	switch {
	case contains(name, sensitiveNames...):
		return Sensitive, true
	case (contains(name, directNames...) || has(directWords)) && !contains(name, aboutNames...):
		return Direct, true
	case contains(name, quasiNames...), has(quasiWords):
		return Quasi, true
	}
	return None, false
}

// isAxis reports whether a column's name says that it is a latitude or longitude.
func isAxis(name string) bool {
	return contains(name, "经度", "纬度") || slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' }), func(w string) bool { return slices.Contains(axisWords, w) })
}
